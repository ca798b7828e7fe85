// SPDX-License-Identifier: GPL-2.0-only
/* What this kernel offers. */
#include "engine/check.h"

#include <errno.h>
#include <stdio.h>

#include "core/options.h"
#include "sys/features.h"
#include "util/log.h"

static int check_one(const struct kernel_features *features, const char *name)
{
	const struct kernel_feature *f = kernel_feature_find(name);

	if (!f)
		return log_errno(-EINVAL, "check: no feature is called %s", name);
	if (f->need == FEATURE_UNSUPPORTED)
		return log_errno(-ENOTSUP, "check: %s is not supported by criu-lite", name);
	if (!kernel_feature_has(f, features))
		return log_errno(-ENOTSUP, "check: this kernel does not offer %s (%s)", name,
				 f->description);
	printf("%s is supported\n", name);
	return 0;
}

static int check_table(const struct kernel_features *features, bool extra)
{
	int r = 0;

	for (const struct kernel_feature *f = kernel_feature_table; f->name; f++) {
		bool has = kernel_feature_has(f, features);

		if (f->need == FEATURE_UNSUPPORTED || (f->need == FEATURE_EXTRA && !extra))
			continue;
		if (extra)
			printf("%-24s %-3s  %s\n", f->name, has ? "yes" : "no", f->description);
		if (!has && f->need == FEATURE_REQUIRED)
			r = log_errno(-ENOTSUP, "check: this kernel does not offer %s (%s), which "
				      "dump and restore need", f->name, f->description);
	}
	return r;
}

int check_run(const struct options *opts)
{
	struct kernel_features features;
	int r = features_probe(&features);

	if (r < 0)
		return r;
	log_info("kernel features probed in %lu us", (unsigned long)features.probe_us);
	if (opts->feature)
		return check_one(&features, opts->feature);
	r = check_table(&features, opts->all);
	if (r < 0)
		return r;
	printf("Looks good.\n");
	return 0;
}
