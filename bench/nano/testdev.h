/* SPDX-License-Identifier: MIT */
/* pc-testdev, as in QEMU: device memory that reads as it was last written. */
#ifndef NANO_TESTDEV_H
#define NANO_TESTDEV_H

#define TESTDEV_MEMORY 0xff000000ul

#endif
