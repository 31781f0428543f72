/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold_vm: keeps one virtual machine with one vCPU open until it is killed.
 *
 * The first virtual machine and the first vCPU of a host, and the last ones to go, make its kernel
 * rewrite its own code (in its sources: the static keys preempt_notifier_key, kvm_has_noapic_vcpu).
 * QEMU 7.2 with two CPUs seems to miss such a change: both enter an exception handler for ever, with
 * a return address one byte behind a jump that has no breakpoint in memory. test_inject, which opens
 * and closes many, hung so in two of four runs there, and in none of fifteen with one held open. (QEMU
 * 10.0 does not: eight of eight.)
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);

	if (vm < 0 || ioctl(vm, KVM_CREATE_VCPU, 0) < 0) {
		perror("hold_vm");
		return 1;
	}
	puts("held");
	fflush(stdout);
	for (;;)
		pause();
}
