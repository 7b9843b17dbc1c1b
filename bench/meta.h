/* SPDX-License-Identifier: MIT */
/* The file that says where a run's figures come from: the build, the host, the guests. */
#ifndef FVB_BENCH_META_H
#define FVB_BENCH_META_H

#include "bench/run.h"

#define SHA256_HEX 65

/*
 * Write RUN's metadata as JSON (members: results/README.md). GUEST_DIR is the folder of the
 * guests. 0 or the negative errno of a failed write.
 */
int meta_write(FILE *f, const struct run *run, const char *guest_dir);

/* The same into the file PATH; NULL: nothing is written. 0, or negative errno with ERR filled. */
int meta_write_file(const char *path, const struct run *run, const char *guest_dir,
		    struct error *err);

/* SHA-256 of the file PATH as hexadecimal digits, by sha256sum(1); "" if that cannot be had. */
void meta_sha256(const char *path, char digest[SHA256_HEX]);

#endif
