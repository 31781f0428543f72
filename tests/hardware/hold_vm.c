/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold_vm: keeps one virtual machine with one vCPU open until it is killed.
 *
 * The first virtual machine and the first vCPU of a host, and the last ones to go, make its kernel
 * rewrite its own code (the static keys preempt_notifier_key and kvm_has_noapic_vcpu). QEMU with one
 * thread a CPU can miss such a change (seen with 7.2): it goes on executing the breakpoint that stood
 * there for a moment, the kernel finds no breakpoint and tries again, for ever, on both CPUs. Tests that
 * open and close thousands of virtual machines meet that within minutes; with one held open the code
 * changes once.
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
