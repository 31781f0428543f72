/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:620 Pause, and the end
 * The machine as a whole: running, paused, exited (the table is in platform.h), and the gate in
 * front of user code that makes it so. It is the same for all implementations; one of them only
 * has to make those who are inside come out.
 *
 * Who wants to run user code notes the platform's generation, marks himself as inside, and then
 * looks whether the gate is open. Who shuts the gate does so first, counts the generation up, and
 * then looks who is inside. So either the one turns back at the gate, or the other sees him, and
 * knows him by his old generation to be one of those who have to come out.
 *
 * The end of a machine, in this order:
 *
 *   1  PLATFORM_FINISH      shuts the gate for good; everybody inside comes out, so no vCPU is in
 *                          guest mode; who waits at the gate, or comes later, gets SWITCH_EXITED
 *   2  context_release()   of each context: their state leaves the vCPUs that still have it
 *   3  address_space_release() of each: their tables go into quarantine, their frames to memory
 *   4  window_put(), memory_unref() by those who held them
 *   5  platform_destroy()  vCPUs, then the VM with its slots, then the windows, the memory file and
 *                          the tables that the slots showed to the guest
 *
 * Each step needs the one before it, and none goes back. A sandbox whose process ends anyway may
 * leave all of it to the host.
 */
#include "platform/implementation.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void futex_wait(_Atomic uint32_t *word, uint32_t expected)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

void control_init(struct platform *p)
{
	pthread_mutex_init(&p->control.lock, NULL);
	pthread_mutex_init(&p->control.contexts_lock, NULL);
	list_init(&p->control.contexts);
}

void control_destroy(struct platform *p)
{
	assert(list_empty(&p->control.contexts));
	pthread_mutex_destroy(&p->control.contexts_lock);
	pthread_mutex_destroy(&p->control.lock);
}

void control_add(struct context *c)
{
	struct control *k = &c->platform->control;

	pthread_mutex_lock(&k->contexts_lock);
	list_add_tail(&k->contexts, &c->link);
	pthread_mutex_unlock(&k->contexts_lock);
}

void control_remove(struct context *c)
{
	struct control *k = &c->platform->control;

	assert(!atomic_load(&c->inside));
	pthread_mutex_lock(&k->contexts_lock);
	list_del(&c->link);
	pthread_mutex_unlock(&k->contexts_lock);
}

void context_wake(struct context *c)
{
	atomic_fetch_add(&c->wake_seq, 1);
	if (atomic_load(&c->waiting))
		futex_wake(&c->wake_seq);
}

/* ---- the gate -------------------------------------------------------------------------------- */

/* False, with *ev filled: the caller has to go back. */
static bool wait_at_gate(struct context *c, struct switch_event *ev)
{
	struct control *k = &c->platform->control;
	bool open = false;

	atomic_store(&c->waiting, 1);
	for (;;) {
		uint32_t seq = atomic_load(&c->wake_seq);
		uint32_t state = atomic_load(&k->state);

		if (state == CONTROL_STATE_RUNNING) {
			open = true;
			break;
		}
		if (state == CONTROL_STATE_EXITED) {
			ev->reason = SWITCH_EXITED;
			break;
		}
		if (atomic_exchange(&c->interrupt, 0)) {
			ev->reason = SWITCH_INTERRUPT;
			break;
		}
		futex_wait(&c->wake_seq, seq);
	}
	atomic_store(&c->waiting, 0);
	return open;
}

bool gate_enter(struct context *c, struct switch_event *ev)
{
	struct control *k = &c->platform->control;

	assert(!atomic_load(&c->inside));
	for (;;) {
		atomic_store_explicit(&c->generation, atomic_load(&k->generation),
				      memory_order_relaxed);
		atomic_store(&c->inside, 1);
		if (gate_is_open(c->platform))
			return true;
		gate_leave(c);
		if (!wait_at_gate(c, ev))
			return false;
	}
}

void gate_leave(struct context *c)
{
	struct platform *p = c->platform;

	atomic_store(&c->inside, 0);
	if (gate_is_open(p))
		return;
	atomic_fetch_add(&p->control.left, 1);
	futex_wake(&p->control.left);
}

/* ---- everybody ------------------------------------------------------------------------------- */

static void wake_all(struct platform *p)
{
	struct control *k = &p->control;
	struct context *c;

	pthread_mutex_lock(&k->contexts_lock);
	list_for_each(c, &k->contexts, link)
		context_wake(c);
	pthread_mutex_unlock(&k->contexts_lock);
}

static bool anybody_inside(struct control *k)
{
	struct context *c;
	bool inside = false;

	pthread_mutex_lock(&k->contexts_lock);
	list_for_each(c, &k->contexts, link)
		inside |= atomic_load(&c->inside);
	pthread_mutex_unlock(&k->contexts_lock);
	return inside;
}

int platform_preempt_all_cpus(struct platform *p)
{
	atomic_fetch_add(&p->control.generation, 1);
	p->ops->preempt_all_cpus(p);
	wake_all(p);
	return 0;
}

/* Shuts the gate and waits until nobody is behind it; under the lock. */
static void stop(struct platform *p, enum control_state state)
{
	struct control *k = &p->control;

	atomic_store(&k->state, state);
	platform_preempt_all_cpus(p);
	for (;;) {
		uint32_t seq = atomic_load(&k->left);

		if (!anybody_inside(k))
			return;
		futex_wait(&k->left, seq);
	}
}

int platform_load_state(struct platform *p, const void *data, size_t size, unsigned index,
			struct context **out, struct user_regs_struct *regs)
{
	struct context *c;
	int r = platform_new_context(p, &c);

	if (r < 0)
		return r;
	r = p->ops->load_state(p, data, size, index, c, regs);
	if (r < 0) {
		context_release(c);
		return r;
	}
	*out = c;
	return 0;
}

/* ---- events ---------------------------------------------------------------------------------- */

static enum platform_answer pause_machine(struct platform *p)
{
	stop(p, CONTROL_STATE_PAUSED);
	return PLATFORM_PAUSED;
}

static enum platform_answer resume_machine(struct platform *p)
{
	atomic_store(&p->control.state, CONTROL_STATE_RUNNING);
	wake_all(p);
	return PLATFORM_RESUMED;
}

static enum platform_answer finish_machine(struct platform *p)
{
	stop(p, CONTROL_STATE_EXITED);
	return PLATFORM_EXITED;
}

static enum platform_answer fetch(struct platform *p,
				 int (*get)(struct platform *p, struct platform_reply *reply),
				 struct platform_reply *reply, enum platform_answer success)
{
	int r = reply ? get(p, reply) : -EINVAL;

	if (r == 0)
		return success;
	if (reply)
		*reply = (struct platform_reply){.error = r};
	return PLATFORM_ERROR;
}

static enum platform_answer handle(struct platform *p, enum platform_event event,
				  struct platform_reply *reply)
{
	uint32_t state = atomic_load(&p->control.state);

	if (state == CONTROL_STATE_EXITED)
		return PLATFORM_EXITED;
	switch (event) {
	case PLATFORM_PAUSE:
		return state == CONTROL_STATE_PAUSED ? PLATFORM_PAUSED : pause_machine(p);
	case PLATFORM_RESUME:
		return state == CONTROL_STATE_RUNNING ? PLATFORM_RESUMED : resume_machine(p);
	case PLATFORM_FINISH:
		return finish_machine(p);
	case PLATFORM_SAVE_STATE:
		if (state == CONTROL_STATE_RUNNING)
			return PLATFORM_NOT_ALLOWED;
		return fetch(p, p->ops->save_state, reply, PLATFORM_SAVED);
	case PLATFORM_DUMP_CPU_CONFIG:
		if (state == CONTROL_STATE_RUNNING)
			return PLATFORM_NOT_ALLOWED;
		return fetch(p, p->ops->dump_cpu_config, reply, PLATFORM_DUMPED);
	}
	if (reply)
		reply->error = -EINVAL;
	return PLATFORM_ERROR;
}

enum platform_answer platform_control(struct platform *p, enum platform_event event,
				     struct platform_reply *reply)
{
	enum platform_answer answer;

	if (reply)
		*reply = (struct platform_reply){0};
	pthread_mutex_lock(&p->control.lock);
	answer = handle(p, event, reply);
	pthread_mutex_unlock(&p->control.lock);
	return answer;
}
