/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way to KVM, with a hook for tests: what a KVM that misbehaves would answer, on a host whose
 * KVM does not. Off, it costs the load of a pointer that never changes.
 */
#include <errno.h>
#include <sys/ioctl.h>

#include "platform/kvm/kvm.h"

static kvm_injector *_Atomic current_injector;

void kvm_inject(kvm_injector *injector)
{
	atomic_store(&current_injector, injector);
}

int kvm_ioctl_host(int fd, unsigned long request, void *arg)
{
	int r = ioctl(fd, request, request == KVM_RUN ? NULL : arg);

	return r < 0 ? -errno : r;
}

int kvm_ioctl(int fd, unsigned long request, void *arg)
{
	kvm_injector *injector = atomic_load_explicit(&current_injector, memory_order_relaxed);

	if (__builtin_expect(injector != NULL, 0))
		return injector(fd, request, arg);
	return kvm_ioctl_host(fd, request, arg);
}
