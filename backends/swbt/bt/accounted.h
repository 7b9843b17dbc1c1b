/* SPDX-License-Identifier: MIT */
/* What the stubs call, with an account of the time it takes (common/account.h). */
#ifndef FVB_SWBT_BT_ACCOUNTED_H
#define FVB_SWBT_BT_ACCOUNTED_H

#include "backends/swbt/bt/bt.h"

/* What is called on the way in, and functions that stubs call; each as in bt.h. */
struct stub_calls {
	void (*enter)(u8 *base); /* NULL: the stub itself */
	int (*port)(struct bt *bt, u32 exit);
	int (*invlpg)(struct bt *bt, u32 exit);
	int (*miss)(struct bt *bt, u32 exit);
	u8 *(*called)(struct bt *bt);
	u8 *(*missed)(struct bt *bt);
};

/* Those for BT: whoever keeps no account pays nothing for it, not even a test. */
const struct stub_calls *bt_stub_calls(const struct bt *bt);

#endif
