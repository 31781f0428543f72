/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ordered tree of VMAs: an AVL tree by start address. Every node knows the widest gap between
 * neighbours in its subtree, so a free place among tens of thousands of VMAs is found in one
 * descent. A stack's guard gap counts as occupied.
 */
#include "mm/internal.h"

static int height(const struct vma *v)
{
	return v ? v->height : 0;
}

/* Where v begins for those who look for a place: a stack keeps its distance. */
static uint64_t low_edge(const struct vma *v)
{
	if (!(v->flags & VMA_GROWSDOWN))
		return v->start;
	return v->start > STACK_GUARD_GAP ? v->start - STACK_GUARD_GAP : 0;
}

static uint64_t gap(uint64_t lo, uint64_t hi)
{
	return hi > lo ? hi - lo : 0;
}

static void update(struct vma *v)
{
	const struct vma *l = v->left, *r = v->right;

	v->height = 1 + (height(l) > height(r) ? height(l) : height(r));
	v->sub_lo = l ? l->sub_lo : low_edge(v);
	v->sub_hi = r ? r->sub_hi : v->end;
	v->sub_gap = 0;
	if (l)
		v->sub_gap = max_u64(l->sub_gap, gap(l->sub_hi, low_edge(v)));
	if (r)
		v->sub_gap = max_u64(v->sub_gap, max_u64(r->sub_gap, gap(v->end, r->sub_lo)));
}

static struct vma *rotate_right(struct vma *v)
{
	struct vma *l = v->left;

	v->left = l->right;
	l->right = v;
	update(v);
	update(l);
	return l;
}

static struct vma *rotate_left(struct vma *v)
{
	struct vma *r = v->right;

	v->right = r->left;
	r->left = v;
	update(v);
	update(r);
	return r;
}

static struct vma *balance(struct vma *v)
{
	update(v);
	if (height(v->left) > height(v->right) + 1) {
		if (height(v->left->left) < height(v->left->right))
			v->left = rotate_left(v->left);
		return rotate_right(v);
	}
	if (height(v->right) > height(v->left) + 1) {
		if (height(v->right->right) < height(v->right->left))
			v->right = rotate_right(v->right);
		return rotate_left(v);
	}
	return v;
}

static struct vma *insert(struct vma *root, struct vma *v)
{
	if (!root) {
		v->left = v->right = NULL;
		update(v);
		return v;
	}
	if (v->start < root->start)
		root->left = insert(root->left, v);
	else
		root->right = insert(root->right, v);
	return balance(root);
}

/* Takes the first node out of the subtree; *first is it. */
static struct vma *take_first(struct vma *root, struct vma **first)
{
	if (!root->left) {
		*first = root;
		return root->right;
	}
	root->left = take_first(root->left, first);
	return balance(root);
}

static struct vma *erase(struct vma *root, struct vma *v)
{
	struct vma *next;

	if (v->start < root->start) {
		root->left = erase(root->left, v);
		return balance(root);
	}
	if (v != root) {
		root->right = erase(root->right, v);
		return balance(root);
	}
	if (!root->right)
		return root->left;
	root->right = take_first(root->right, &next);
	next->left = root->left;
	next->right = root->right;
	return balance(next);
}

static void touch(struct vma *root, struct vma *v)
{
	if (v != root)
		touch(v->start < root->start ? root->left : root->right, v);
	update(root);
}

void vma_insert(struct vma_tree *t, struct vma *v)
{
	t->root = insert(t->root, v);
	t->count++;
}

void vma_remove(struct vma_tree *t, struct vma *v)
{
	t->root = erase(t->root, v);
	t->count--;
}

void vma_touch(struct vma_tree *t, struct vma *v)
{
	touch(t->root, v);
}

struct vma *vma_find(const struct vma_tree *t, uint64_t addr)
{
	struct vma *best = NULL;

	for (struct vma *v = t->root; v;) {
		if (v->end > addr) {
			best = v;
			v = v->left;
		} else {
			v = v->right;
		}
	}
	return best;
}

struct vma *vma_at(const struct vma_tree *t, uint64_t addr)
{
	struct vma *v = vma_find(t, addr);

	return v && v->start <= addr ? v : NULL;
}

struct vma *vma_before(const struct vma_tree *t, uint64_t addr)
{
	struct vma *best = NULL;

	for (struct vma *v = t->root; v;) {
		if (v->start < addr) {
			best = v;
			v = v->right;
		} else {
			v = v->left;
		}
	}
	return best;
}

/* The highest place in the gap (lo, hi) cut to [min, max); 0: too small. */
static uint64_t fit_high(uint64_t lo, uint64_t hi, uint64_t len, uint64_t min, uint64_t max)
{
	lo = max_u64(lo, min);
	hi = min_u64(hi, max);
	return hi > lo && hi - lo >= len ? hi - len : 0;
}

static uint64_t fit_low(uint64_t lo, uint64_t hi, uint64_t len, uint64_t min, uint64_t max)
{
	lo = max_u64(lo, min);
	hi = min_u64(hi, max);
	return hi > lo && hi - lo >= len ? lo : 0;
}

/*
 * Both searches look at the gaps inside v's subtree and at the two at its edges, which end at the
 * neighbours prev_end (below) and next_lo (above). Subtrees without a wide enough gap, or outside
 * of [min, max), are not entered.
 */
static uint64_t search_high(const struct vma *v, uint64_t prev_end, uint64_t next_lo, uint64_t len,
			    uint64_t min, uint64_t max)
{
	uint64_t a;

	if (!v)
		return fit_high(prev_end, next_lo, len, min, max);
	if (gap(prev_end, v->sub_lo) < len && gap(v->sub_hi, next_lo) < len && v->sub_gap < len)
		return 0;
	if (next_lo <= min || prev_end >= max)
		return 0;
	a = search_high(v->right, v->end, next_lo, len, min, max);
	return a ? a : search_high(v->left, prev_end, low_edge(v), len, min, max);
}

static uint64_t search_low(const struct vma *v, uint64_t prev_end, uint64_t next_lo, uint64_t len,
			   uint64_t min, uint64_t max)
{
	uint64_t a;

	if (!v)
		return fit_low(prev_end, next_lo, len, min, max);
	if (gap(prev_end, v->sub_lo) < len && gap(v->sub_hi, next_lo) < len && v->sub_gap < len)
		return 0;
	if (next_lo <= min || prev_end >= max)
		return 0;
	a = search_low(v->left, prev_end, low_edge(v), len, min, max);
	return a ? a : search_low(v->right, v->end, next_lo, len, min, max);
}

uint64_t vma_gap_high(const struct vma_tree *t, uint64_t len, uint64_t lo, uint64_t hi)
{
	return search_high(t->root, 0, UINT64_MAX, len, lo, hi);
}

uint64_t vma_gap_low(const struct vma_tree *t, uint64_t len, uint64_t lo, uint64_t hi)
{
	return search_low(t->root, 0, UINT64_MAX, len, lo, hi);
}
