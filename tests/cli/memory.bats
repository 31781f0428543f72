#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The memory limit: one process dies of it, as under runc, and not the whole sandbox.

load helper

# fill MIB [HOW]: touches so much memory and says so. HOW: "sparse" first touches a page in each 2 MiB,
# "shared" uses shared memory, "read" lets read(2) fill it, "wait" stays.
file_setup() {
	cat >"$BATS_FILE_TMPDIR/fill.c" <<-'END'
		#include <fcntl.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		#include <sys/mman.h>
		#include <unistd.h>
		int main(int argc, char **argv)
		{
			size_t n = strtoul(argv[1], 0, 10) << 20, i;
			const char *how = argc > 2 ? argv[2] : "";
			int shared = strcmp(how, "shared") ? MAP_PRIVATE : MAP_SHARED;
			unsigned char *p = mmap(0, n, PROT_READ | PROT_WRITE, shared | MAP_ANONYMOUS, -1, 0);
			int zero = open("/dev/zero", O_RDONLY);
			if (p == MAP_FAILED)
				return 3;
			if (!strcmp(how, "read")) {
				for (i = 0; i < n;) {
					ssize_t k = read(zero, p + i, n - i);
					if (k <= 0)
						return 4;
					i += k;
				}
			}
			for (i = 0; !strcmp(how, "sparse") && i < n; i += 2 << 20)
				p[i] = 1;
			for (i = 0; i < n; i += 4096)
				p[i] = i / 4096 % 251 + 1;
			for (i = 0; i < n; i += 4096)
				if (p[i] != i / 4096 % 251 + 1)
					return 5;
			printf("filled %s\n", argv[1]);
			fflush(stdout);
			if (!strcmp(how, "wait"))
				pause();
			return 0;
		}
	END
	gcc -static -O1 -o "$BATS_FILE_TMPDIR/rootfs/fill" "$BATS_FILE_TMPDIR/fill.c"
}

limit() { # MIB
	edit --argjson n "$(($1 << 20))" '.linux.resources.memory = {limit: $n}'
}

@test "what fits below the limit is not killed, however it is used" {
	bundle sh -c 'for how in "" sparse shared read; do /fill 100 $how || echo "status $?"; done'
	limit 128
	equal output "$(h run --bundle "$bundle" "$id" 2>/dev/null | tr '\n' ' ')" \
		"filled 100 filled 100 filled 100 filled 100 "
}

@test "what does not fit is killed alone, however it is used" {
	bundle sh -c 'for how in "" sparse shared read; do /fill 300 $how; echo "status $?"; done; echo alive'
	limit 128
	equal output "$(h run --bundle "$bundle" "$id" 2>/dev/null | tr '\n' ' ')" \
		"status 137 status 137 status 137 status 137 alive "
}

@test "dd with a block that is too large, and tail without end" {
	bundle sh -c 'dd if=/dev/zero of=/dev/null bs=300M count=1; echo "status $?"; tail /dev/zero; echo "status $?"'
	limit 64
	equal output "$(h run --bundle "$bundle" "$id" 2>/dev/null | tr '\n' ' ')" "status 137 status 137 "
}

# For scripts in the container: starts a process that fills memory and keeps it, and waits for that.
keep='keep() { rm -f /tmp/kept; /fill $1 wait >/tmp/kept & while ! grep -q filled /tmp/kept; do sleep 0.1; done; }'

@test "the largest dies, not the one that asks" {
	bundle sh -c "$keep"'; keep 70; a=$!; /fill 50; echo "second $?"; wait $a; echo "first $?"'
	limit 96
	equal output "$(h run --bundle "$bundle" "$id" 2>/dev/null | tr '\n' ' ')" \
		"filled 50 second 0 first 137 "
}

@test "oom_score_adj says who dies first" {
	bundle sh -c "$keep"'; keep 40; b=$!; keep 10; a=$!; echo 1000 >/proc/$a/oom_score_adj
		/fill 60; echo "third $?"; wait $a; echo "first $?"; kill $b && echo "second lives"'
	limit 112
	equal output "$(h run --bundle "$bundle" "$id" 2>/dev/null | tr '\n' ' ')" \
		"filled 60 third 0 first 137 second lives "
}

@test "many that grow at once die one by one, and their parent goes on" {
	bundle sh -c 'for i in 1 2 3 4 5 6; do /fill 200 & done; wait; echo alive; /fill 60'
	limit 128
	out=$(h run --bundle "$bundle" "$id" 2>/dev/null | tr '\n' ' ')
	equal output "$out" "alive filled 60 "
}

@test "files do not count: a page cache larger than the limit" {
	bundle sh -c 'dd if=/dev/zero of=/big bs=1M count=200 2>/dev/null; cat /big | wc -c; rm /big; /fill 30'
	limit 64
	equal output "$(h run --bundle "$bundle" "$id" 2>/dev/null | tr '\n' ' ')" "209715200 filled 30 "
}

@test "a process that exec started dies alone" {
	bundle sleep 1000
	limit 96
	h run --detach --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
	run -137 h exec "$id" /fill 300
	equal status "$(status_of "$id")" running
	equal output "$(h exec "$id" /fill 50)" "filled 50"
}

@test "init that outgrows the limit ends the container with 137" {
	bundle /fill 300
	limit 64
	run -137 h run --bundle "$bundle" "$id"
}

@test "update moves the limit, for those who run already and in /proc/meminfo" {
	bundle sh -c 'while :; do sleep 1; done'
	h run --detach --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
	equal output "$(h exec "$id" /fill 200)" "filled 200"
	h update --memory 96m "$id"
	equal meminfo "$(h exec "$id" grep MemTotal /proc/meminfo | tr -s ' ')" "MemTotal: 98304 kB"
	run -137 h exec "$id" /fill 200
	h update --memory 300m "$id"
	equal output "$(h exec "$id" /fill 200)" "filled 200"
	equal status "$(status_of "$id")" running
}

@test "events tells of the kills" {
	bundle sh -c 'while [ ! -e /tmp/go ]; do sleep 0.1; done; /fill 300; /fill 300; sleep 0.5'
	rm -f "$rootfs/tmp/go"
	limit 96
	h run --detach --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
	(
		sleep 0.5
		touch "$rootfs/tmp/go"
	) &
	h events --interval 1h "$id" >"$BATS_TEST_TMPDIR/events"
	wait
	equal events "$(cat "$BATS_TEST_TMPDIR/events")" "$(printf '{"type":"oom","id":"%s"}\n' "$id" "$id")"
}
