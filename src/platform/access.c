/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:490 Reaching into user memory
 * AddressSpaceIO: user memory touched by its guest address, through the mappings that user code
 * itself has.
 *
 * Page by page: find the page under as->lock, touch it under as->lock. Whoever unmaps has the same
 * lock until the old translation is forgotten, so after an unmap nothing goes through it here
 * either. Host files can become shorter at any time, hence the safe copies.
 */
#include <errno.h>
#include <signal.h>

#include "base/safecopy.h"
#include "platform/implementation.h"

static void set_fault(struct address_fault *fault, uint64_t addr, int signo)
{
	if (fault)
		*fault = (struct address_fault){addr, signo};
}

/* Where the byte at addr is, or NULL with *fault; under the lock. */
static void *find(struct address_space *as, uint64_t addr, unsigned access,
		  struct address_fault *fault)
{
	const struct platform_caps *caps = &as->platform->caps;
	char *page = NULL;

	if (addr >= caps->min_user_address && addr < caps->max_user_address)
		page = as->platform->ops->find_page(as, addr & PAGE_MASK, access);
	if (!page) {
		set_fault(fault, addr, SIGSEGV);
		return NULL;
	}
	return page + (addr & ~PAGE_MASK);
}

/* What is done to a piece within one page; the answer is how much of it was not. */
enum direction { COPY_IN, COPY_OUT, ZERO_OUT };

static size_t touch(void *page, void *buf, size_t n, enum direction how)
{
	switch (how) {
	case COPY_IN:
		return safe_copy(buf, page, n);
	case COPY_OUT:
		return safe_copy(page, buf, n);
	case ZERO_OUT:
		return safe_zero(page, n);
	}
	return n;
}

static size_t transfer(struct address_space *as, uint64_t addr, void *buf, size_t n,
		       enum direction how, struct address_fault *fault)
{
	unsigned access = how == COPY_IN ? ACCESS_READ : ACCESS_WRITE;
	size_t done = 0;

	if (!as->platform->ops->find_page) {
		set_fault(fault, addr, SIGSEGV);
		return 0;
	}
	while (done < n) {
		size_t in_page = PAGE_SIZE - ((addr + done) & ~PAGE_MASK);
		size_t part = n - done < in_page ? n - done : in_page, left = part;
		void *at;

		pthread_mutex_lock(&as->lock);
		at = find(as, addr + done, access, fault);
		if (at)
			left = touch(at, buf ? (char *)buf + done : NULL, part, how);
		pthread_mutex_unlock(&as->lock);
		done += part - left;
		if (left) {
			if (at)
				set_fault(fault, addr + done, SIGBUS);
			break;
		}
	}
	return done;
}

size_t address_space_copy_in(struct address_space *as, void *dst, uint64_t addr, size_t n,
			     struct address_fault *fault)
{
	return transfer(as, addr, dst, n, COPY_IN, fault);
}

size_t address_space_copy_out(struct address_space *as, uint64_t addr, const void *src, size_t n,
			      struct address_fault *fault)
{
	return transfer(as, addr, (void *)src, n, COPY_OUT, fault);
}

size_t address_space_zero_out(struct address_space *as, uint64_t addr, size_t n,
			      struct address_fault *fault)
{
	return transfer(as, addr, NULL, n, ZERO_OUT, fault);
}

/* ---- words ----------------------------------------------------------------------------------- */

/* The word at addr, with as->lock held; or NULL without it, and *err. */
static uint32_t *lock_word(struct address_space *as, uint64_t addr, unsigned access, int *err,
			   struct address_fault *fault)
{
	uint32_t *word;

	*err = addr % sizeof(*word) ? -EINVAL : as->platform->ops->find_page ? 0 : -EOPNOTSUPP;
	if (*err)
		return NULL;
	pthread_mutex_lock(&as->lock);
	word = find(as, addr, access, fault);
	if (!word) {
		pthread_mutex_unlock(&as->lock);
		*err = -EFAULT;
	}
	return word;
}

static int unlock_word(struct address_space *as, uint64_t addr, int r, struct address_fault *fault)
{
	pthread_mutex_unlock(&as->lock);
	if (r < 0)
		set_fault(fault, addr, SIGBUS);
	return r;
}

int address_space_load_u32(struct address_space *as, uint64_t addr, uint32_t *value,
			   struct address_fault *fault)
{
	int r;
	uint32_t *word = lock_word(as, addr, ACCESS_READ, &r, fault);

	return word ? unlock_word(as, addr, safe_load_u32(word, value), fault) : r;
}

int address_space_swap_u32(struct address_space *as, uint64_t addr, uint32_t value, uint32_t *old,
			   struct address_fault *fault)
{
	int r;
	uint32_t *word = lock_word(as, addr, ACCESS_WRITE, &r, fault);

	return word ? unlock_word(as, addr, safe_swap_u32(word, value, old), fault) : r;
}

int address_space_cas_u32(struct address_space *as, uint64_t addr, uint32_t expected,
			  uint32_t value, uint32_t *old, struct address_fault *fault)
{
	int r;
	uint32_t *word = lock_word(as, addr, ACCESS_WRITE, &r, fault);

	return word ? unlock_word(as, addr, safe_cas_u32(word, expected, value, old), fault) : r;
}
