// SPDX-License-Identifier: GPL-2.0-only
/*
 * Userfaultfd in few words, and the looks at a task from outside.
 *
 * Every wrapper of a system call returns -errno.
 */
#include <setjmp.h>

#include "test.h"

int uffd_raw(int flags)
{
	int uffd = syscall(SYS_userfaultfd, flags);

	return uffd < 0 ? -errno : uffd;
}

int uffd_api(int uffd, uint64_t features)
{
	struct abi_api api = { .api = API_VERSION, .features = features };

	return ioctl(uffd, IOC_API, &api) ? -errno : 0;
}

int uffd_open(uint64_t features)
{
	int uffd = uffd_raw(O_CLOEXEC | O_NONBLOCK);

	MUST(uffd >= 0);
	errno = -uffd_api(uffd, features);
	MUST(errno == 0);
	return uffd;
}

char *map_anon(size_t pages)
{
	char *p = map_aligned(pages * PAGE, PAGE);

	/* A page that is filled is to be one page, whatever this machine likes best. */
	madvise(p, pages * PAGE, MADV_NOHUGEPAGE);
	return p;
}

/* With a hole on either side: no neighbour merges with it. */
char *map_aligned(size_t length, size_t align)
{
	size_t room = length + align + 2 * PAGE;
	char *all = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *p;

	MUST(all != MAP_FAILED);
	p = (char *)(((uintptr_t)all + PAGE + align - 1) & ~(align - 1));
	munmap(all, room);
	p = mmap(p, length, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	MUST(p != MAP_FAILED);
	return p;
}

char *map_memfd(size_t length, unsigned int flags, int how, int *fd)
{
	int memfd = memfd_create("test", flags);
	char *p;

	MUST(memfd >= 0);
	MUST(ftruncate(memfd, length) == 0);
	p = mmap(NULL, length, PROT_READ | PROT_WRITE, how, memfd, 0);
	MUST(p != MAP_FAILED);
	if (fd)
		*fd = memfd;
	else
		close(memfd);
	return p;
}

int uffd_register(int uffd, const void *start, size_t len, uint64_t mode)
{
	struct abi_register r = { .range = { (uint64_t)start, len }, .mode = mode };

	return ioctl(uffd, IOC_REGISTER, &r) ? -errno : 0;
}

int uffd_unregister(int uffd, const void *start, size_t len)
{
	struct abi_range r = { (uint64_t)start, len };

	return ioctl(uffd, IOC_UNREGISTER, &r) ? -errno : 0;
}

int uffd_wake(int uffd, const void *start, size_t len)
{
	struct abi_range r = { (uint64_t)start, len };

	return ioctl(uffd, IOC_WAKE, &r) ? -errno : 0;
}

static long copy_like(int uffd, unsigned long cmd, void *dst, const void *src, size_t len,
		      uint64_t mode)
{
	struct abi_copy c = { (uint64_t)dst, (uint64_t)src, len, mode, 0 };

	return ioctl(uffd, cmd, &c) && c.done <= 0 ? -errno : c.done;
}

static long fill_like(int uffd, unsigned long cmd, void *dst, size_t len, uint64_t mode)
{
	struct abi_fill f = { { (uint64_t)dst, len }, mode, 0 };

	return ioctl(uffd, cmd, &f) && f.done <= 0 ? -errno : f.done;
}

long uffd_copy(int uffd, void *dst, const void *src, size_t len, uint64_t mode)
{
	return copy_like(uffd, IOC_COPY, dst, src, len, mode);
}

long uffd_move(int uffd, void *dst, void *src, size_t len, uint64_t mode)
{
	return copy_like(uffd, IOC_MOVE, dst, src, len, mode);
}

long uffd_zeropage(int uffd, void *dst, size_t len, uint64_t mode)
{
	return fill_like(uffd, IOC_ZEROPAGE, dst, len, mode);
}

long uffd_continue(int uffd, void *dst, size_t len, uint64_t mode)
{
	return fill_like(uffd, IOC_CONTINUE, dst, len, mode);
}

long uffd_poison(int uffd, void *dst, size_t len, uint64_t mode)
{
	return fill_like(uffd, IOC_POISON, dst, len, mode);
}

int uffd_writeprotect(int uffd, const void *start, size_t len, uint64_t mode)
{
	struct abi_writeprotect w = { { (uint64_t)start, len }, mode };

	return ioctl(uffd, IOC_WRITEPROTECT, &w) ? -errno : 0;
}

int uffd_next(int uffd, struct abi_msg *msg)
{
	ssize_t n = read(uffd, msg, sizeof(*msg));

	if (n < 0)
		return -errno;
	return n == sizeof(*msg) ? 0 : -EBADMSG;
}

bool wait_readable(int uffd, int milliseconds)
{
	struct pollfd p = { uffd, POLLIN, 0 };

	return poll(&p, 1, milliseconds) == 1 && (p.revents & POLLIN);
}

int uffd_revents(int uffd)
{
	struct pollfd p = { uffd, POLLIN | POLLRDHUP, 0 };

	MUST(poll(&p, 1, 0) >= 0);
	return p.revents;
}

struct abi_msg uffd_expect(int uffd, unsigned int event)
{
	struct abi_msg msg;

	MUST(wait_readable(uffd, 10000));
	errno = -uffd_next(uffd, &msg);
	MUST(errno == 0);
	test_equal(msg.event, event, __FILE__, __LINE__, "the event's kind");
	return msg;
}

static void *touch(void *arg)
{
	struct toucher *t = arg;

	t->tid = gettid();
	if (t->write)
		*t->where = 'w';
	t->found = (unsigned char)*t->where;
	return NULL;
}

void touch_start(struct toucher *t, void *where, bool write)
{
	t->where = where;
	t->write = write;
	t->tid = 0;
	t->found = -1;
	t->thread = thread_start(touch, t);
	while (!t->tid)
		sched_yield();
}

bool touch_done(const struct toucher *t)
{
	return t->found >= 0;
}

int touch_end(struct toucher *t)
{
	pthread_join(t->thread, NULL);
	return t->found;
}

static void *do_call(void *arg)
{
	struct call *call = arg;
	long result = call->f(call->p);

	call->result = result < 0 && result > -4096 ? -errno : result;
	call->over = true;
	return NULL;
}

void call_start(struct call *call, long (*f)(char *), char *p)
{
	*call = (struct call){ .f = f, .p = p };
	call->thread = thread_start(do_call, call);
}

long call_end(struct call *call)
{
	pthread_join(call->thread, NULL);
	return call->result;
}

pthread_t thread_start(void *(*f)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	errno = pthread_create(&thread, &attr, f, arg);
	MUST(errno == 0);
	pthread_attr_destroy(&attr);
	return thread;
}

pid_t child_start(int (*f)(void *), void *arg)
{
	pid_t pid = fork();

	MUST(pid >= 0);
	if (pid == 0)
		_exit(f(arg));
	return pid;
}

int child_status(pid_t pid)
{
	int status;

	MUST(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

char task_state(pid_t tid)
{
	char path[64], line[512], *end;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	f = fopen(path, "r");
	if (!f)
		return 0;
	end = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	fclose(f);
	return end ? end[2] : 0;
}

bool task_sleeps(pid_t tid)
{
	int i;

	for (i = 0; i < 1000; i++) {
		char state = task_state(tid);

		if (state == 'S' || state == 'D')
			return true;
		nap(1);
	}
	return false;
}

/* Calls f for each line of the smaps entry of the mapping at WHERE, until it returns true. */
static bool smaps_find(const void *where, bool (*f)(const char *line, void *arg), void *arg)
{
	unsigned long start, end;
	bool inside = false, found = false;
	char line[512];
	FILE *smaps = fopen("/proc/self/smaps", "r");

	MUST(smaps);
	while (!found && fgets(line, sizeof(line), smaps)) {
		/* A field's name begins with a capital, an address never does. */
		if (!(line[0] >= 'A' && line[0] <= 'Z') &&
		    sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = (unsigned long)where >= start && (unsigned long)where < end;
		else if (inside)
			found = f(line, arg);
	}
	fclose(smaps);
	return found;
}

struct field {
	const char *name;
	long kb;
};

static bool is_field(const char *line, void *arg)
{
	struct field *field = arg;
	size_t n = strlen(field->name);

	return strncmp(line, field->name, n) == 0 && line[n] == ':' &&
	       sscanf(line + n + 1, "%ld", &field->kb) == 1;
}

long smaps_kb(const void *where, const char *name)
{
	struct field field = { name, -1 };

	return smaps_find(where, is_field, &field) ? field.kb : -1;
}

static bool has_code(const char *line, void *arg)
{
	char code[8];

	snprintf(code, sizeof(code), " %s", (const char *)arg);
	return strncmp(line, "VmFlags:", 8) == 0 && strstr(line, code);
}

bool smaps_flag(const void *where, const char *code)
{
	return smaps_find(where, has_code, (void *)code);
}

int count_mappings(const void *start, size_t len)
{
	unsigned long from, to, begin = (unsigned long)start;
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	int count = 0;

	MUST(maps);
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx", &from, &to) == 2 && to > begin && from < begin + len)
			count++;
	fclose(maps);
	return count;
}

static uint64_t pagemap_entry(const void *where)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t entry = 0;

	MUST(fd >= 0);
	MUST(pread(fd, &entry, 8, (unsigned long)where / PAGE * 8) == 8);
	close(fd);
	return entry;
}

bool page_there(const void *where)
{
	return pagemap_entry(where) >> 62;
}

bool page_present(const void *where)
{
	return pagemap_entry(where) >> 63;
}

long file_number(const char *path)
{
	FILE *f = fopen(path, "r");
	long n = -1;

	if (!f)
		return -1;
	if (fscanf(f, "%ld", &n) != 1)
		n = -1;
	fclose(f);
	return n;
}

int file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

long meminfo(const char *name)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	long n = -1;

	MUST(f);
	while (n < 0 && fgets(line, sizeof(line), f))
		if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
			n = strtol(line + strlen(name) + 1, NULL, 10);
	fclose(f);
	return n;
}

#define NR_HUGEPAGES "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"

void need_hugetlb(long pages)
{
	char text[32];

	if (meminfo("HugePages_Free") - meminfo("HugePages_Rsvd") >= pages)
		return;
	snprintf(text, sizeof(text), "%ld", pages + meminfo("HugePages_Total"));
	file_write(NR_HUGEPAGES, text);
	if (meminfo("HugePages_Free") - meminfo("HugePages_Rsvd") < pages)
		test_skip("no huge pages of 2 MiB can be reserved");
}

/* boot says so on the kernel's command line. */
bool in_guest(void)
{
	char line[4096] = "";
	int fd = open("/proc/cmdline", O_RDONLY);

	MUST(fd >= 0 && read(fd, line, sizeof(line) - 1) > 0);
	close(fd);
	return strstr(line, "guest_seconds=");
}

void need_swap(void)
{
	if (meminfo("SwapFree") < 128 << 10)
		test_skip("no swap to speak of");
}

static sigjmp_buf after_sigbus;

static void on_sigbus(int sig)
{
	siglongjmp(after_sigbus, 1);
}

bool touch_is_sigbus(volatile char *where, bool write)
{
	struct sigaction old, new = { .sa_handler = on_sigbus };
	volatile bool died = true;

	sigaction(SIGBUS, &new, &old);
	if (sigsetjmp(after_sigbus, 1) == 0) {
		if (write)
			*where = 'w';
		else
			(void)*where;
		died = false;
	}
	sigaction(SIGBUS, &old, NULL);
	return died;
}

void nap(int milliseconds)
{
	usleep(milliseconds * 1000);
}
