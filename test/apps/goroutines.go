// SPDX-License-Identifier: GPL-2.0-only

// Goroutines that compute through a restore: locks (futexes), timers, tight
// loops (preemption signals), garbage collection, deep stacks (moved stacks).
package main

import (
	"fmt"
	"hash/fnv"
	"runtime"
	"sync"
	"time"
)

type node struct {
	left, right *node
	value       uint64
}

func build(depth int, seed uint64) *node {
	if depth == 0 {
		return &node{value: seed}
	}
	return &node{build(depth-1, seed*6364136223846793005+1), build(depth-1, seed*1442695040888963407+3), seed}
}

func (n *node) sum() uint64 {
	if n == nil {
		return 0
	}
	return n.value*31 + n.left.sum()*7 + n.right.sum()*13
}

func spin(n uint64) uint64 {
	x := n
	for i := uint64(0); i < 30000000; i++ {
		x = x*2862933555777941757 + 3037000493
	}
	return x
}

func main() {
	runtime.GOMAXPROCS(4)
	fmt.Println("READY")
	const workers = 16
	parts := make([]uint64, workers)
	var wg sync.WaitGroup
	var mu sync.Mutex
	count := 0
	results := make(chan uint64)
	for w := 0; w < workers; w++ {
		wg.Add(1)
		go func(w int) {
			defer wg.Done()
			for round := 0; round < 12; round++ {
				t := build(10, uint64(w*100+round))
				parts[w] = parts[w]*31 + t.sum() + spin(uint64(w))
				mu.Lock()
				count++
				mu.Unlock()
				time.Sleep(5 * time.Millisecond)
				results <- t.value
			}
		}(w)
	}
	go func() {
		wg.Wait()
		close(results)
	}()
	var sum uint64
	for v := range results {
		sum += v
	}
	h := fnv.New64a()
	fmt.Fprintln(h, parts, count, sum)
	fmt.Printf("RESULT %x\n", h.Sum64())
}
