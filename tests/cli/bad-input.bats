#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Bad input gets the exact message of bad-config.txt and bad-command.txt, and leaves nothing.

load helper

# The message of the last line of a log, as text.
message() { # FILE
	sed -n 's/^time="[^"]*" level=error msg="\(.*\)"$/\1/p' "$1" | tail -n 1 | sed 's/\\"/"/g'
}

# Runs over a table of two-line entries; calls `entry FIRST SECOND` for each and counts complaints.
table() { # FILE
	local first second wrong=0 n=0

	while IFS= read -r first; do
		[[ -n $first && $first != \#* ]] || continue
		IFS= read -r second
		n=$((n + 1))
		entry "$first" "${second#	}" || wrong=$((wrong + 1))
	done <"$1"
	echo "$n entries, $wrong wrong"
	[ $wrong = 0 ] && [ $n -ge 50 ]
}

complain() { # WHAT HAVE WANT
	printf '%s\n  says:     %s\n  expected: %s\n' "$@"
	return 1
}

@test "each broken configuration gets its message" {
	bundle true
	cp "$bundle/config.json" "$BATS_TEST_TMPDIR/good"
	entry() {
		local code=0 said

		jq "$1" <"$BATS_TEST_TMPDIR/good" >"$bundle/config.json"
		h run --bundle "$bundle" "$id" >/dev/null 2>"$BATS_TEST_TMPDIR/err" </dev/null || code=$?
		said=$(message "$BATS_TEST_TMPDIR/err")
		said=${said#husk run failed: }
		said="$code ${said//$bundle/BUNDLE}"
		[ "$said" = "1 $2" ] || complain "$1" "$said" "1 $2"
	}
	table "$BATS_TEST_DIRNAME/bad-config.txt"
	equal state "$(ls -A "$state")" ""
}

@test "each wrong command line gets its message and exit status" {
	bundle true
	entry() {
		local code=0 said

		# The words of the line are the arguments.
		# shellcheck disable=SC2086
		h ${1//BUNDLE/$bundle} >/dev/null 2>"$BATS_TEST_TMPDIR/err" </dev/null 3>&- || code=$?
		said=$(message "$BATS_TEST_TMPDIR/err")
		said="$code ${said//$bundle/BUNDLE}"
		[ "$said" = "$2" ] || complain "$1" "$said" "$2"
	}
	table "$BATS_TEST_DIRNAME/bad-command.txt"
}

# A config.json that is not even JSON: an error that names the file and the place, and no crash.
malformed() { # WORDS-OF-THE-MESSAGE
	local code=0

	h run --bundle "$bundle" "$id" >/dev/null 2>"$BATS_TEST_TMPDIR/err" </dev/null || code=$?
	equal status $code 1
	[[ $(message "$BATS_TEST_TMPDIR/err") == *"$1"* ]] || fail "$(cat "$BATS_TEST_TMPDIR/err")"
}

@test "config.json missing, empty, a directory, truncated" {
	mkdir -p "$bundle"
	malformed "config.json"
	: >"$bundle/config.json"
	malformed "config.json"
	rm "$bundle/config.json"
	mkdir "$bundle/config.json"
	malformed "config.json: Is a directory"
	rmdir "$bundle/config.json"
	bundle true
	cp "$bundle/config.json" "$BATS_TEST_TMPDIR/good"
	for n in 1 10 100 1000; do
		head -c $n "$BATS_TEST_TMPDIR/good" >"$bundle/config.json"
		malformed "config.json"
	done
}

@test "duplicate keys, nesting without end, 100 MB of garbage, bad UTF-8, a second document" {
	bundle true
	good=$(cat "$bundle/config.json")
	echo '{"ociVersion": "1.0.2", "ociVersion": "1.0.2"}' >"$bundle/config.json"
	malformed ociVersion
	head -c 1000000 /dev/zero | tr '\0' '[' >"$bundle/config.json"
	malformed "config.json"
	head -c 100000000 /dev/urandom >"$bundle/config.json"
	malformed "config.json"
	head -c 100000000 /dev/zero | tr '\0' ' ' >"$bundle/config.json"
	malformed "config.json"
	printf '{"ociVersion": "1.0.2\xff"}' >"$bundle/config.json"
	malformed "config.json"
	echo "$good {}" >"$bundle/config.json"
	malformed "config.json"
}

@test "500 random one-byte changes of a good configuration: an answer, never a crash" {
	bundle true
	python3 - "$bundle" "$husk_exe" "$state" "$id" <<-'END'
		import random, subprocess, sys
		bundle, husk, state, cid = sys.argv[1:]
		good = open(bundle + "/config.json", "rb").read()
		random.seed(4711)
		for i in range(500):
		    b = bytearray(good)
		    b[random.randrange(len(b))] = random.randrange(256)
		    open(bundle + "/config.json", "wb").write(b)
		    with open(bundle + "/err", "wb+") as err: # not a pipe: the sandbox keeps it
		        p = subprocess.run([husk, "--root", state, "create", "--bundle", bundle, cid], timeout=30,
		                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err)
		        err.seek(0)
		        said = err.read()
		    assert p.returncode in (0, 1), (i, p.returncode, bytes(b), said)
		    assert p.returncode == 0 or said, (i, bytes(b))
		    if p.returncode == 0:
		        subprocess.run([husk, "--root", state, "delete", "--force", cid], check=True)
	END
}
