/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * husk's own vDSO, run in this very process: it is an ELF image that can be mapped read-only
 * anywhere; a million readings by it, by tsc_clock_read() and by four threads never step back,
 * across hundreds of new pages. What it asks by system call is caught by a seccomp filter and
 * answered from tsc_clock_read(), as husk does.
 */
#include <elf.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <x86intrin.h>

#include "guest.h"
#include "platform/tsc_clock.h"
#include "platform/vdso.h"

#define READINGS 1000000
#define THREADS 4

static struct clock_page *page;
static const char *image;
static size_t image_len;
static struct tsc_clock *the_clock;
static int64_t tsc_offset;
static _Atomic unsigned long calls;
static unsigned readings;

static int (*vdso_clock_gettime)(clockid_t id, struct timespec *ts);
static int (*vdso_clock_getres)(clockid_t id, struct timespec *ts);
static int (*vdso_gettimeofday)(struct timeval *tv, struct timezone *tz);
static time_t (*vdso_time)(time_t *t);
static long (*vdso_getcpu)(unsigned *cpu, unsigned *node, void *unused);

/* ---- the image ------------------------------------------------------------------------------- */

static void map_image(void)
{
	size_t pages;
	char *at;

	image_len = vdso_image_end - vdso_image;
	pages = (image_len + PAGE_SIZE - 1) / PAGE_SIZE;
	at = mmap(NULL, (pages + 1) * PAGE_SIZE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(at != MAP_FAILED);
	page = (struct clock_page *)at;
	image = at + PAGE_SIZE;
	memcpy(at + PAGE_SIZE, vdso_image, image_len);
	CHECK(mprotect(at + PAGE_SIZE, pages * PAGE_SIZE, PROT_READ | PROT_EXEC) == 0);
}

static const void *dynamic(int64_t tag)
{
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)image;
	const Elf64_Phdr *ph = (const Elf64_Phdr *)(image + eh->e_phoff);

	for (unsigned i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_DYNAMIC)
			for (const Elf64_Dyn *d = (const void *)(image + ph[i].p_vaddr); d->d_tag;
			     d++)
				if (d->d_tag == tag)
					return image + d->d_un.d_val;
	return NULL;
}

static void check_image(void)
{
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)image;
	const Elf64_Phdr *ph = (const Elf64_Phdr *)(image + eh->e_phoff);
	unsigned loads = 0;

	CHECK(memcmp(eh->e_ident, ELFMAG, SELFMAG) == 0 && eh->e_type == ET_DYN);
	CHECK(eh->e_machine == EM_X86_64);
	for (unsigned i = 0; i < eh->e_phnum; i++) {
		if (ph[i].p_type != PT_LOAD)
			continue;
		loads++;
		CHECK(ph[i].p_vaddr == 0 && ph[i].p_offset == 0 && ph[i].p_flags == (PF_R | PF_X));
		CHECK(ph[i].p_memsz == ph[i].p_filesz && ph[i].p_memsz <= image_len);
	}
	CHECK(loads == 1);
	CHECK(!dynamic(DT_RELA) && !dynamic(DT_REL) && !dynamic(DT_JMPREL) && !dynamic(DT_TEXTREL));
	CHECK(!dynamic(DT_NEEDED) && dynamic(DT_HASH) && dynamic(DT_GNU_HASH));
}

/* A function by its name and version, as a libc finds it. */
static void *function(const char *name)
{
	const uint32_t *hash = dynamic(DT_HASH);
	const Elf64_Sym *sym = dynamic(DT_SYMTAB);
	const char *names = dynamic(DT_STRTAB);
	const uint16_t *version = dynamic(DT_VERSYM);
	const Elf64_Verdef *def = dynamic(DT_VERDEF);

	for (uint32_t i = 1; i < hash[1]; i++) {
		const Elf64_Verdef *d = def;
		const Elf64_Verdaux *aux;

		if (strcmp(names + sym[i].st_name, name) != 0 || !sym[i].st_shndx)
			continue;
		while (d->vd_ndx != (version[i] & 0x7fff)) {
			CHECK(d->vd_next);
			d = (const void *)((const char *)d + d->vd_next);
		}
		aux = (const void *)((const char *)d + d->vd_aux);
		CHECK(strcmp(names + aux->vda_name, "LINUX_2.6") == 0 && d->vd_hash == 61765110);
		CHECK(ELF64_ST_TYPE(sym[i].st_info) == STT_FUNC);
		return (void *)(image + sym[i].st_value);
	}
	CHECK(0, "no %s", name);
}

static void find_functions(void)
{
	vdso_clock_gettime = function("__vdso_clock_gettime");
	vdso_clock_getres = function("__vdso_clock_getres");
	vdso_gettimeofday = function("__vdso_gettimeofday");
	vdso_time = function("__vdso_time");
	vdso_getcpu = function("__vdso_getcpu");
	CHECK(function("clock_gettime") == (void *)vdso_clock_gettime);
	CHECK(function("getcpu") == (void *)vdso_getcpu && function("time") == (void *)vdso_time);
	CHECK(function("clock_getres") && function("gettimeofday"));
}

/* ---- its system calls ------------------------------------------------------------------------ */

static void on_call(int sig, siginfo_t *si, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	struct timespec *ts = (void *)r[REG_RSI];
	uint64_t ns;

	(void)sig;
	CHECK(si->si_syscall == SYS_clock_gettime);
	atomic_fetch_add(&calls, 1);
	if (!clock_page_has(r[REG_RDI])) {
		r[REG_RAX] = -EINVAL;
		return;
	}
	ns = tsc_clock_read(the_clock, r[REG_RDI]);
	*ts = timespec_from_ns(ns);
	r[REG_RAX] = 0;
}

/* clock_gettime from inside the image, and from nowhere else, raises SIGSYS. */
static void catch_calls(void)
{
	uint64_t start = (uintptr_t)image;
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 0, 5),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		     offsetof(struct seccomp_data, instruction_pointer) + 4),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, start >> 32, 0, 3),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer)),
	    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~0xfffU),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)start, 1, 0),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	};
	struct sock_fprog prog = {sizeof(code) / sizeof(*code), code};
	struct sigaction sa = {.sa_sigaction = on_call, .sa_flags = SA_SIGINFO | SA_NODEFER};

	CHECK(image_len <= PAGE_SIZE);
	CHECK(sigaction(SIGSYS, &sa, NULL) == 0);
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) == 0);
}

/*
 * Where Linux has found that CPUs' counters disagree (and husk makes no vDSO then), each of them is
 * right all the same: this test then stays on one.
 */
static void stay_where_tsc_is_sound(void)
{
	FILE *f = fopen("/sys/devices/system/clocksource/clocksource0/available_clocksource", "re");
	char line[256] = "";
	cpu_set_t one;

	if (f && fgets(line, sizeof(line), f) && !strstr(line, "tsc")) {
		printf("the TSC is not sound here: on one CPU only\n");
		CPU_ZERO(&one);
		CPU_SET(sched_getcpu(), &one);
		CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
	}
	if (f)
		fclose(f);
}

/* ---- reading --------------------------------------------------------------------------------- */

static uint64_t by_vdso(clockid_t id)
{
	struct timespec ts;

	CHECK(vdso_clock_gettime(id, &ts) == 0);
	CHECK(ts.tv_nsec >= 0 && ts.tv_nsec < 1000000000);
	return ts.tv_sec * 1000000000UL + ts.tv_nsec;
}

static void *read_much(void *arg)
{
	static const clockid_t ids[] = {CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_REALTIME,
					CLOCK_MONOTONIC_COARSE};
	unsigned seed = (uintptr_t)arg;
	uint64_t last[4] = {0};

	for (unsigned n = 0; n < readings; n++) {
		unsigned i = rand_r(&seed) % 4;
		uint64_t ns = n % 4 ? by_vdso(ids[i]) : tsc_clock_read(the_clock, ids[i]);

		CHECK(ns >= last[i], "clock %d: %lu after %lu", ids[i], ns, last[i]);
		last[i] = ns;
	}
	return NULL;
}

/* What one thread reads, another thread reads later is not earlier. */
static _Atomic uint64_t latest;

static void *read_together(void *arg)
{
	(void)arg;
	for (unsigned n = 0; n < readings; n++) {
		uint64_t before = atomic_load(&latest), ns = by_vdso(CLOCK_MONOTONIC);

		CHECK(ns >= before, "%lu after another thread's %lu", ns, before);
		while (before < ns && !atomic_compare_exchange_weak(&latest, &before, ns))
			;
	}
	return NULL;
}

static void in_threads(void *(*fn)(void *))
{
	pthread_t t[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&t[i], NULL, fn, (void *)(i + 1)) == 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
}

static void others(void)
{
	unsigned cpu = 77, node = 77, aux;
	struct timespec ts, res;
	struct timezone tz = {1, 1};
	struct timeval tv;
	time_t t;

	ts = timespec_from_ns(by_vdso(CLOCK_REALTIME));
	CHECK(vdso_gettimeofday(&tv, &tz) == 0 && tz.tz_minuteswest == 0 && tz.tz_dsttime == 0);
	CHECK(tv.tv_usec >= 0 && tv.tv_usec < 1000000);
	CHECK(tv.tv_sec * 1000000 + tv.tv_usec >= ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
	CHECK(vdso_gettimeofday(NULL, NULL) == 0);
	t = vdso_time(NULL);
	CHECK(t >= tv.tv_sec && vdso_time(&t) == t);
	CHECK(vdso_clock_getres(CLOCK_MONOTONIC, &res) == 0 && res.tv_sec == 0 && res.tv_nsec == 1);
	CHECK(vdso_clock_getres(CLOCK_REALTIME, NULL) == 0);
	CHECK(vdso_clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts) == -EINVAL); /* as on_call() says */

	/* Not allowed to look by itself, it asks; allowed, it says what RDTSCP said. */
	CHECK(vdso_getcpu(&cpu, &node, NULL) == 0 && cpu < 4096 && node < 4096);
	page->rdtscp_cpu = 1;
	do {
		__rdtscp(&aux);
		CHECK(vdso_getcpu(&cpu, &node, NULL) == 0 && vdso_getcpu(NULL, NULL, NULL) == 0);
	} while (cpu != (aux & 0xfff)); /* until nobody moves us in between */
	CHECK(node == aux >> 12);
}

int main(void)
{
	struct clock_source src = clock_host;

	src.arg = &tsc_offset;
	readings = test_count(READINGS, READINGS);
	stay_where_tsc_is_sound();
	map_image();
	check_image();
	find_functions();
	the_clock = tsc_clock_new(&src, page);
	CHECK(the_clock);
	catch_calls();

	others();
	read_much((void *)7);
	in_threads(read_much);
	in_threads(read_together);
	/* It did not ask each time; a few calls at the beginning and then four a second. */
	CHECK(calls < readings / 100 + 1000, "%lu system calls", calls);
	tsc_clock_destroy(the_clock);

	/* A guest whose counter is not the host's: the page is for its counter. */
	memset(page, 0, sizeof(*page));
	tsc_offset = -(int64_t)__rdtsc();
	the_clock = tsc_clock_new(&src, page);
	/* Milliseconds; longer where a look at the clock takes long. */
	for (uint64_t end = test_now() + 20000000000; !page->valid_ticks && test_now() < end;)
		tsc_clock_read(the_clock, CLOCK_MONOTONIC);
	CHECK(page->valid_ticks && page->base_tsc < __rdtsc() / 2);
	tsc_clock_destroy(the_clock);
	return 0;
}
