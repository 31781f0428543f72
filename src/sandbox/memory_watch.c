/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two guards. The first stands at the gate of mm (mm/gate.h): as long as the container would fit even
 * if every frame that was given out were used, frames are free; beyond that each one is admitted by
 * what the cgroup really uses, and when that comes too near to the limit, whoever asks waits while the
 * worst process dies. That is exact, and costs nothing as long as memory is not short.
 *
 * But frames that were given out earlier and never touched, files in tmpfs, and the host's own
 * structures take memory without asking. So there is a thread that looks: woken by the cgroup's
 * threshold (v1), and then the more often the nearer the limit is.
 *
 * If the worst process is the container's init, nobody is spared by killing it first: the limit is left
 * to the host, whose kill ends the container in the same way and is what engines look out for.
 */
#include "sandbox/memory_watch.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "kernel/oom.h"
#include "kernel/procinfo.h"
#include "kernel/task.h"
#include "mm/gate.h"

#define MIB (1LL << 20)
#define HEADROOM_MIN MIB
#define HEADROOM_MAX (16 * MIB)
#define HEADROOM_SHARE 32
#define ROOM_AGAIN (64 << 10) /* who waited for memory goes on with so much, bytes */
#define DEATH_MS 3000	      /* how long a killed process may take to give its memory back */
#define RETURN_MS 1000	      /* … once it is gone */
#define FILL_BYTES_PER_MS (1 * MIB) /* how fast memory can fill up */
#define LOOK_MIN_MS 5
#define LOOK_MAX_MS 1000
#define UNLIMITED (1LL << 62) /* v1 says "no limit" with a number near 2^63 */

static struct sandbox_memory files = {-1, -1, -1, -1};
static void (*tell_killed)(int guest_pid);
static pthread_mutex_t measure_lock = PTHREAD_MUTEX_INITIALIZER; /* a leaf: limit, memory_slack */
static pthread_mutex_t kill_lock = PTHREAD_MUTEX_INITIALIZER;	 /* one kill at a time */
static int64_t limit = UNLIMITED;
static _Atomic bool left_to_host; /* init is the worst */
static int threshold = -1;	  /* eventfd of v1's notice, or -1 */
static bool watching;

/* ---- looking ----------------------------------------------------------------------------------- */

static int64_t read_number(int fd)
{
	char text[32];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return -1;
	text[n] = '\0';
	return strncmp(text, "max", 3) ? strtoll(text, NULL, 10) : UNLIMITED;
}

static int64_t stat_key(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (!strncmp(p, key, n) && p[n] == ' ')
			return strtoll(p + n, NULL, 10);
	}
	return 0;
}

/* What the host can take back without anybody's death: the page cache of files. */
static int64_t reclaimable(void)
{
	char text[8192];
	ssize_t n = pread(files.stat, text, sizeof(text) - 1, 0);
	int64_t sum;

	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* v1 has totals of the cgroups below as well; v2's numbers are totals. */
	sum = stat_key(text, "total_inactive_file") + stat_key(text, "total_active_file");
	return sum ? sum : stat_key(text, "inactive_file") + stat_key(text, "active_file");
}

static int64_t headroom(void)
{
	int64_t share = limit / HEADROOM_SHARE;

	return share < HEADROOM_MIN ? HEADROOM_MIN : share > HEADROOM_MAX ? HEADROOM_MAX : share;
}

/* How much more can be used before the headroom begins, bytes; negative: too late. Sets the slack. */
static int64_t measure(void)
{
	struct memory *m = platform_memory(kernel.platform);
	int64_t used, room, given = 0;

	pthread_mutex_lock(&measure_lock);
	if (limit >= UNLIMITED || atomic_load(&left_to_host)) {
		atomic_store(&memory_slack, INT64_MAX);
		pthread_mutex_unlock(&measure_lock);
		return INT64_MAX;
	}
	used = read_number(files.usage);
	room = limit - headroom() - used;
	if (room < limit / 2)
		room += reclaimable();
	for (int kind = 0; kind < MEMORY_KINDS; kind++)
		given += (int64_t)memory_usage(m, kind);
	/* What was given out and is not used yet may be used without a further question. */
	atomic_store(&memory_slack, room - (given - (int64_t)memory_total_usage(m)));
	pthread_mutex_unlock(&measure_lock);
	return room;
}

static bool admit(uint64_t bytes)
{
	return measure() >= (int64_t)bytes;
}

/* ---- killing ----------------------------------------------------------------------------------- */

static void sleep_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

static void report(const struct oom_victim *v)
{
	static _Atomic pid_t last;

	/* One that was dying already has been reported. */
	if (!v->rss || atomic_exchange(&last, v->pid) == v->pid)
		return;
	log_warning("the container's memory is not enough: pid %d (%s) is killed, it has %llu KiB",
		    v->pid, v->comm, (unsigned long long)v->rss >> 10);
	if (tell_killed)
		tell_killed(v->pid);
}

/* With kill_lock. False: there is nobody to kill. */
static bool make_room(void)
{
	static int64_t expected = ROOM_AGAIN; /* of the last victim, which may be dying still */
	struct oom_victim victim = {0};

	if (measure() >= ROOM_AGAIN)
		return true;
	switch (oom_kill((uint64_t)limit, &victim)) {
	case OOM_KILLED:
		break;
	case OOM_INIT:
		log_debug("memory: init is the worst, so the limit is the host's to enforce");
		atomic_store(&left_to_host, true);
		measure();
		return true;
	case OOM_NOBODY:
		return false;
	}
	report(&victim);
	/*
	 * Its memory comes back piece by piece, after it has let go of it. Half of it is waited for: who
	 * goes on with the first pieces would use them up, and the next one would die for nothing.
	 */
	if (victim.rss)
		expected = victim.rss / 2 > ROOM_AGAIN ? (int64_t)victim.rss / 2 : ROOM_AGAIN;
	for (int ms = 0; ms < DEATH_MS && measure() < expected && !oom_is_dying(); ms++) {
		if (ms < DEATH_MS - RETURN_MS && !oom_victim_lives(victim.pid))
			ms = DEATH_MS - RETURN_MS;
		sleep_ms(1);
	}
	return true;
}

static bool wait_for_room(void)
{
	bool ok;

	/* Not pthread_mutex_lock(): who waits may be the one whose death the others wait for. */
	while (pthread_mutex_trylock(&kill_lock) != 0) {
		if (oom_is_dying())
			return false;
		sleep_ms(1);
	}
	ok = !oom_is_dying() && make_room();
	pthread_mutex_unlock(&kill_lock);
	return ok && !oom_is_dying();
}

static const struct memory_gate gate = {.admit = admit, .wait = wait_for_room};

/* ---- the thread -------------------------------------------------------------------------------- */

/* v1 tells when the use passes a threshold (cgroup-v1/memory.rst, 9); set low enough to be in time. */
static void register_threshold(void)
{
	const uint64_t wake = 1;
	char line[64];
	int n;

	if (files.event_control < 0 || limit >= UNLIMITED)
		return;
	if (threshold >= 0) {
		/* The thread may be waiting for it, and would for ever. */
		if (write(threshold, &wake, sizeof(wake)) < 0)
			log_debug("memory watch: eventfd: %s", strerror(errno));
		close(threshold);
	}
	threshold = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	n = snprintf(line, sizeof(line), "%d %d %lld", threshold, files.usage,
		     (long long)(limit - limit / 4));
	if (threshold >= 0 && write(files.event_control, line, n) != n) {
		close(threshold);
		threshold = -1;
	}
}

/*
 * How long the thread may look away, ms. -1: until the threshold is passed, which has not happened
 * while less than three quarters are used.
 */
static int next_look(int64_t room)
{
	int64_t ms = room / FILL_BYTES_PER_MS;

	if (room == INT64_MAX)
		return LOOK_MAX_MS;
	if (threshold >= 0 && read_number(files.usage) < limit - limit / 4)
		return -1;
	return ms < LOOK_MIN_MS ? LOOK_MIN_MS : ms > LOOK_MAX_MS ? LOOK_MAX_MS : (int)ms;
}

static void *watch(void *arg)
{
	int ms = 0;

	for (;;) {
		struct pollfd p = {.fd = threshold, .events = POLLIN};
		uint64_t count;
		int64_t room;

		if (poll(&p, 1, ms) > 0 && read(p.fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
			log_debug("memory watch: eventfd: %s", strerror(errno));
		/* Perhaps somebody else is the worst by now. */
		atomic_store(&left_to_host, false);
		room = measure();
		if (room < 0)
			wait_for_room();
		ms = next_look(atomic_load(&left_to_host) ? INT64_MAX : room);
	}
	return NULL;
}

static void start_watching(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	if (watching || limit >= UNLIMITED)
		return;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 64 << 10);
	if (pthread_create(&thread, &attr, watch, NULL) == 0)
		watching = true;
	else
		log_warning("the memory limit is watched only where memory is given out");
	pthread_attr_destroy(&attr);
}

void memory_watch_limit_changed(void)
{
	struct sysinfo host;
	int64_t shown;

	if (files.usage < 0 || files.limit < 0)
		return;
	pthread_mutex_lock(&measure_lock);
	limit = read_number(files.limit);
	shown = limit > 0 && limit < UNLIMITED ? limit : 0;
	/* A host that can swap does that before it kills: nobody is to die here for what it would do. */
	if (limit <= 0 || (sysinfo(&host) == 0 && host.freeswap))
		limit = UNLIMITED;
	atomic_store(&left_to_host, false);
	pthread_mutex_unlock(&measure_lock);
	procinfo_set_memory_limit((uint64_t)shown);
	register_threshold();
	measure();
	start_watching();
}

void memory_watch_start(const struct sandbox_memory *given, void (*killed)(int guest_pid))
{
	files = *given;
	tell_killed = killed;
	memory_gate_set(&gate);
	memory_watch_limit_changed();
}
