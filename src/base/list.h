/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intrusive, circular, doubly linked lists. A head and a link are the same struct; an empty head
 * and an unlinked link point at themselves, so that list_del() may be called twice.
 */
#ifndef HUSK_BASE_LIST_H
#define HUSK_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

#define LIST_INIT(name) {&(name), &(name)}

#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_add_between(struct list *l, struct list *prev, struct list *next)
{
	l->prev = prev;
	l->next = next;
	prev->next = next->prev = l;
}

/* Puts l first. */
static inline void list_add(struct list *head, struct list *l)
{
	list_add_between(l, head, head->next);
}

/* Puts l last. */
static inline void list_add_tail(struct list *head, struct list *l)
{
	list_add_between(l, head->prev, head);
}

static inline void list_del(struct list *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	list_init(l);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first(head, type, member) container_of((head)->next, type, member)

#define list_for_each(pos, head, member)                                                           \
	for (pos = container_of((head)->next, __typeof__(*pos), member); &pos->member != (head);   \
	     pos = container_of(pos->member.next, __typeof__(*pos), member))

/* As list_for_each, but pos may be unlinked or freed in the body. */
#define list_for_each_safe(pos, tmp, head, member)                                                 \
	for (pos = container_of((head)->next, __typeof__(*pos), member),                           \
	    tmp = container_of(pos->member.next, __typeof__(*pos), member);                        \
	     &pos->member != (head);                                                               \
	     pos = tmp, tmp = container_of(pos->member.next, __typeof__(*pos), member))

#endif
