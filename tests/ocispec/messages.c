/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Broken documents, and the exact sentence each gets. */
#include "ocispec_test.h"

#include <errno.h>
#include <unistd.h>

/* A document that is right but for what is put into it. */
#define DOCUMENT(more) "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"}," more "}"
#define PROCESS(more) DOCUMENT("\"process\":{\"cwd\":\"/\",\"args\":[\"a\"]," more "}")
#define LINUX(more) DOCUMENT("\"linux\":{" more "}")
#define RESOURCES(more) LINUX("\"resources\":{" more "}")
#define SECCOMP(more) LINUX("\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\"," more "}")

static const struct {
	const char *text, *message;
} cases[] = {
    /* not JSON, or not all of it */
    {"", "line 1: the document ends too early"},
    {" \n\n", "line 3: the document ends too early"},
    {"{", "line 1: the document ends too early"},
    {"{\"ociVersion\":\n\"1.0", "line 2: the document ends too early"},
    {"nonsense", "line 1: not JSON: invalid string in json text"},
    {"{\n\"a\": x}", "line 2: not JSON: invalid char in json text"},
    {"{\"a\" 1}", "line 1: not JSON: object key and value must be separated by a colon (':')"},
    {"{\"a\":\"\xff\"}", "line 1: not JSON: invalid bytes in UTF8 string"},
    {"{\"a\":1,}", "line 1: not JSON: invalid object key (must be a string)"},
    {DOCUMENT("\"hostname\":\"\"") "x", "line 1: not JSON: trailing garbage"},
    {"{\"a\":/* why */1}", "line 1: not JSON: probable comment found in input text, comments are "
			   "not enabled"},
    /* the document is something else */
    {"[]", "the document: expected an object, found an array"},
    {"\"x\"", "the document: expected an object, found a string"},
    {"1", "the document: expected an object, found a number"},
    {"null", "the document: expected an object, found null"},
    {"true", "the document: expected an object, found true"},
    /* missing, twice */
    {"{}", "ociVersion: missing, but required"},
    {"{\"ociVersion\":null}", "ociVersion: missing, but required"},
    {"{\"ociVersion\":\"1.0.0\"}", "root: missing, but required"},
    {"{\"ociVersion\":\"1.0.0\",\"root\":{}}", "root.path: missing, but required"},
    {DOCUMENT("\"process\":{\"args\":[\"a\"]}"), "process.cwd: missing, but required"},
    {DOCUMENT("\"mounts\":[{\"destination\":\"/a\"},{}]"),
     "mounts[1].destination: missing, but required"},
    {LINUX("\"devices\":[{\"path\":\"/a\"}]"), "linux.devices[0].type: missing, but required"},
    {LINUX("\"devices\":[{\"path\":\"/a\",\"type\":\"c\",\"major\":1}]"),
     "linux.devices[0].minor: missing, but required"},
    {SECCOMP("\"syscalls\":[{\"action\":\"SCMP_ACT_ALLOW\"}]"),
     "linux.seccomp.syscalls[0].names: missing, but required"},
    {DOCUMENT("\"root\":{}"), "root: given twice"},
    {DOCUMENT("\"annotations\":{\"b\":\"1\",\"a.b\":\"1\",\"c\":\"\",\"a.b\":\"2\"}"),
     "annotations: \"a.b\" given twice"},
    {LINUX("\"timeOffsets\":{\"boottime\":{},\"boottime\":{}}"),
     "linux.timeOffsets: \"boottime\" given twice"},
    /* wrong types */
    {PROCESS("\"terminal\":1"), "process.terminal: expected true or false, found a number"},
    {PROCESS("\"terminal\":\"yes\""), "process.terminal: expected true or false, found a string"},
    {DOCUMENT("\"hostname\":false"), "hostname: expected a string, found false"},
    {DOCUMENT("\"hostname\":[\"a\"]"), "hostname: expected a string, found an array"},
    {DOCUMENT("\"hostname\":{}"), "hostname: expected a string, found an object"},
    {DOCUMENT("\"process\":[]"), "process: expected an object, found an array"},
    {DOCUMENT("\"process\":{\"cwd\":\"/\",\"args\":[\"a\",7]}"),
     "process.args[1]: expected a string, found a number"},
    {DOCUMENT("\"process\":{\"cwd\":\"/\",\"args\":\"a\"}"),
     "process.args: expected an array, found a string"},
    {DOCUMENT("\"process\":{\"cwd\":\"/\",\"args\":[null]}"),
     "process.args[0]: expected a string, found null"},
    {DOCUMENT("\"process\":{\"cwd\":\"/\",\"args\":[[]]}"),
     "process.args[0]: expected a string, found an array"},
    {DOCUMENT("\"mounts\":{}"), "mounts: expected an array, found an object"},
    {DOCUMENT("\"mounts\":[{\"destination\":\"/a\"},\"/b\"]"),
     "mounts[1]: expected an object, found a string"},
    {DOCUMENT("\"annotations\":{\"org.x\":1}"),
     "annotations[\"org.x\"]: expected a string, found a number"},
    {DOCUMENT("\"annotations\":{\"org.x\":null}"),
     "annotations[\"org.x\"]: expected a string, found null"},
    {LINUX("\"namespaces\":[{\"type\":\"pid\"},{\"type\":3}]"),
     "linux.namespaces[1].type: expected a string, found a number"},
    {LINUX("\"timeOffsets\":{\"boottime\":{\"secs\":\"1\"}}"),
     "linux.timeOffsets[\"boottime\"].secs: expected an integer from -9223372036854775808 to "
     "9223372036854775807, found a string"},
    {LINUX("\"netDevices\":{\"eth0\":3}"),
     "linux.netDevices[\"eth0\"]: expected an object, found a number"},
    /* numbers */
    {PROCESS("\"user\":{\"uid\":-1}"),
     "process.user.uid: expected an integer from 0 to 4294967295, found -1"},
    {PROCESS("\"user\":{\"uid\":4294967296}"),
     "process.user.uid: expected an integer from 0 to 4294967295, found 4294967296"},
    {PROCESS("\"user\":{\"uid\":1.5}"),
     "process.user.uid: expected an integer from 0 to 4294967295, found 1.5"},
    {PROCESS("\"user\":{\"uid\":1e3}"),
     "process.user.uid: expected an integer from 0 to 4294967295, found 1e3"},
    {PROCESS("\"user\":{\"uid\":\"0\"}"),
     "process.user.uid: expected an integer from 0 to 4294967295, found a string"},
    {PROCESS("\"user\":{\"additionalGids\":[1,-2]}"),
     "process.user.additionalGids[1]: expected an integer from 0 to 4294967295, found -2"},
    {PROCESS("\"oomScoreAdj\":2147483648"),
     "process.oomScoreAdj: expected an integer from -2147483648 to 2147483647, found 2147483648"},
    {PROCESS("\"consoleSize\":{\"height\":65536,\"width\":1}"),
     "process.consoleSize.height: expected an integer from 0 to 65535, found 65536"},
    {PROCESS("\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":0,\"hard\":18446744073709551616}]"),
     "process.rlimits[0].hard: expected an integer from 0 to 18446744073709551615, found "
     "18446744073709551616"},
    {RESOURCES("\"memory\":{\"limit\":9223372036854775808}"),
     "linux.resources.memory.limit: expected an integer from -9223372036854775808 to "
     "9223372036854775807, found 9223372036854775808"},
    {RESOURCES("\"memory\":{\"limit\":11111111111111111111111111111111111111111}"),
     "linux.resources.memory.limit: expected an integer from -9223372036854775808 to "
     "9223372036854775807, found 11111111111111111111111111111111…"},
    /* strings that C cannot hold, strings for terminals */
    {DOCUMENT("\"hostname\":\"a\\u0000b\""), "hostname: contains a NUL character"},
    {DOCUMENT("\"annotations\":{\"\\u0000\":\"\"}"), "annotations: contains a NUL character"},
    {LINUX("\"rootfsPropagation\":\"\\u001b[31m\\\"\""),
     "linux.rootfsPropagation: expected one of shared, slave, private, unbindable, rshared, "
     "rslave, "
     "rprivate, runbindable, found \"?[31m\"\""},
    /* process */
    {DOCUMENT("\"process\":{\"cwd\":\"/\"}"), "process.args: must not be empty"},
    {DOCUMENT("\"process\":{\"cwd\":\"/\",\"args\":[]}"), "process.args: must not be empty"},
    {DOCUMENT("\"process\":{\"cwd\":\"tmp\",\"args\":[\"a\"]}"),
     "process.cwd: expected an absolute path, found \"tmp\""},
    {PROCESS("\"env\":[\"A=1\",\"B\"]"), "process.env[1]: expected NAME=value, found \"B\""},
    {PROCESS("\"env\":[\"=1\"]"), "process.env[0]: expected NAME=value, found \"=1\""},
    {PROCESS("\"user\":{\"uid\":4294967295}"), "process.user.uid: 4294967295 is not a user id"},
    {PROCESS("\"user\":{\"gid\":4294967295}"), "process.user.gid: 4294967295 is not a group id"},
    {PROCESS("\"user\":{\"additionalGids\":[4294967295]}"),
     "process.user.additionalGids[0]: 4294967295 is not a group id"},
    {PROCESS("\"user\":{\"umask\":512}"), "process.user.umask: expected at most 511, found 512"},
    {PROCESS("\"rlimits\":[{\"type\":\"RLIMIT_X\",\"hard\":1,\"soft\":1}]"),
     "process.rlimits[0].type: \"RLIMIT_X\" is not known"},
    {PROCESS("\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"hard\":1,\"soft\":1},{\"type\":"
	     "\"RLIMIT_CPU\",\"hard\":1,\"soft\":1}]"),
     "process.rlimits[1].type: \"RLIMIT_CPU\" given twice"},
    {PROCESS("\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"hard\":1,\"soft\":2}]"),
     "process.rlimits[0].soft: 2 is above the hard limit 1"},
    {PROCESS("\"oomScoreAdj\":1001"), "process.oomScoreAdj: expected -1000 to 1000, found 1001"},
    {PROCESS("\"scheduler\":{\"policy\":\"SCHED_X\"}"),
     "process.scheduler.policy: expected one of SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, "
     "SCHED_ISO, SCHED_IDLE, SCHED_DEADLINE, found \"SCHED_X\""},
    {PROCESS("\"scheduler\":{\"policy\":\"SCHED_RR\",\"flags\":[\"X\"]}"),
     "process.scheduler.flags[0]: \"X\" is not known"},
    {PROCESS("\"scheduler\":{\"policy\":\"SCHED_RR\",\"nice\":20}"),
     "process.scheduler.nice: expected -20 to 19, found 20"},
    {PROCESS("\"ioPriority\":{\"class\":\"RT\"}"),
     "process.ioPriority.class: expected one of IOPRIO_CLASS_RT, IOPRIO_CLASS_BE, "
     "IOPRIO_CLASS_IDLE, found \"RT\""},
    {PROCESS("\"ioPriority\":{\"class\":\"IOPRIO_CLASS_RT\",\"priority\":8}"),
     "process.ioPriority.priority: expected 0 to 7, found 8"},
    {PROCESS("\"execCPUAffinity\":{\"initial\":\"1-\"}"),
     "process.execCPUAffinity.initial: expected a list such as \"0-3,7\", found \"1-\""},
    /* the document's own rules */
    {"{\"ociVersion\":\"1.0\",\"root\":{\"path\":\"r\"}}",
     "ociVersion: expected a version such as \"1.2.0\", found \"1.0\""},
    {"{\"ociVersion\":\"v1.0.0\",\"root\":{\"path\":\"r\"}}",
     "ociVersion: expected a version such as \"1.2.0\", found \"v1.0.0\""},
    {"{\"ociVersion\":\"2.0.0\",\"root\":{\"path\":\"r\"}}",
     "ociVersion: \"2.0.0\" is not supported, only 1.x is"},
    {"{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"\"}}", "root.path: must not be empty"},
    {DOCUMENT("\"hostname\":\"h\""), "hostname: needs a uts namespace in linux.namespaces"},
    {DOCUMENT("\"domainname\":\"h\""), "domainname: needs a uts namespace in linux.namespaces"},
    {DOCUMENT("\"hostname\":"
	      "\"01234567890123456789012345678901234567890123456789012345678901234\""),
     "hostname: longer than 64 bytes"},
    {DOCUMENT("\"annotations\":{\"\":\"x\"}"), "annotations: a name must not be empty"},
    {DOCUMENT("\"mounts\":[{\"destination\":\"\"}]"), "mounts[0].destination: must not be empty"},
    {DOCUMENT(
	 "\"mounts\":[{\"destination\":\"/a\",\"uidMappings\":[{\"containerID\":0,\"hostID\":0,"
	 "\"size\":1}]}]"),
     "mounts[0].gidMappings: missing, but required together with uidMappings"},
    {DOCUMENT("\"hooks\":{\"poststop\":[{\"path\":\"x\"}]}"),
     "hooks.poststop[0].path: expected an absolute path, found \"x\""},
    {DOCUMENT("\"hooks\":{\"prestart\":[{\"path\":\"/x\",\"timeout\":0}]}"),
     "hooks.prestart[0].timeout: expected more than 0, found 0"},
    {DOCUMENT("\"hooks\":{\"prestart\":[{\"path\":\"/x\",\"env\":[\"A\"]}]}"),
     "hooks.prestart[0].env[0]: expected NAME=value, found \"A\""},
    {DOCUMENT("\"vm\":{\"hwConfig\":{\"vcpus\":0}}"), "vm.hwConfig.vcpus: must not be 0"},
    {DOCUMENT("\"vm\":{\"hwConfig\":{\"memory\":0}}"), "vm.hwConfig.memory: must not be 0"},
    /* namespaces and mappings */
    {LINUX("\"namespaces\":[{\"type\":\"net\"}]"),
     "linux.namespaces[0].type: expected one of pid, network, mount, ipc, uts, user, cgroup, time, "
     "found \"net\""},
    {LINUX("\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"pid\"}]"),
     "linux.namespaces[1].type: \"pid\" given twice"},
    {LINUX("\"namespaces\":[{\"type\":\"pid\",\"path\":\"proc/1/ns/pid\"}]"),
     "linux.namespaces[0].path: expected an absolute path, found \"proc/1/ns/pid\""},
    {LINUX("\"namespaces\":[{\"type\":\"user\"}]"),
     "linux.uidMappings: missing, but required for a new user namespace"},
    {LINUX("\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":1}]"),
     "linux.uidMappings: needs a user namespace in linux.namespaces"},
    {LINUX("\"gidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":0}]"),
     "linux.gidMappings[0].size: must not be 0"},
    {LINUX("\"uidMappings\":[{\"containerID\":1,\"hostID\":0,\"size\":4294967295},{\"containerID\":"
	   "4294967295,\"hostID\":0,\"size\":2}]"),
     "linux.uidMappings[1]: containerID + size is above 4294967295"},
    {LINUX("\"uidMappings\":[{\"containerID\":0,\"hostID\":4294967295,\"size\":2}]"),
     "linux.uidMappings[0]: hostID + size is above 4294967295"},
    {LINUX("\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":10},{\"containerID\":9,"
	   "\"hostID\":100,\"size\":1}]"),
     "linux.uidMappings[1]: overlaps with linux.uidMappings[0]"},
    {LINUX("\"timeOffsets\":{\"boottime\":{\"secs\":1}}"),
     "linux.timeOffsets: needs a time namespace in linux.namespaces"},
    {LINUX("\"timeOffsets\":{\"realtime\":{\"secs\":1}}"),
     "linux.timeOffsets: expected one of monotonic, boottime, found \"realtime\""},
    {LINUX("\"timeOffsets\":{\"boottime\":{\"nanosecs\":1000000000}}"),
     "linux.timeOffsets[\"boottime\"].nanosecs: expected at most 999999999, found 1000000000"},
    /* sysctl */
    {LINUX("\"sysctl\":{\"vm.swappiness\":\"1\"}"),
     "linux.sysctl[\"vm.swappiness\"]: is not a setting of a namespace, it would change the host"},
    {LINUX("\"sysctl\":{\"net/../kernel/panic\":\"1\"}"),
     "linux.sysctl[\"net/../kernel/panic\"]: is not a setting of a namespace, it would change the "
     "host"},
    {LINUX("\"sysctl\":{\"net.//.kernel.panic\":\"1\"}"),
     "linux.sysctl[\"net.//.kernel.panic\"]: is not a setting of a namespace, it would change the "
     "host"},
    {LINUX("\"sysctl\":{\"net...kernel.panic\":\"1\"}"),
     "linux.sysctl[\"net...kernel.panic\"]: is not a setting of a namespace, it would change the "
     "host"},
    {LINUX("\"sysctl\":{\"net/ipv4/ip_forward\":\"1\"}"),
     "linux.sysctl[\"net/ipv4/ip_forward\"]: needs a network namespace in linux.namespaces"},
    {LINUX("\"sysctl\":{\"kernel.shmmax\":\"1\"}"),
     "linux.sysctl[\"kernel.shmmax\"]: needs an ipc namespace in linux.namespaces"},
    /* the rest of linux */
    {LINUX("\"rootfsPropagation\":\"none\""), "linux.rootfsPropagation: expected one of shared, "
					      "slave, private, unbindable, rshared, rslave, "
					      "rprivate, runbindable, found \"none\""},
    {LINUX("\"maskedPaths\":[\"/a\",\"b\"]"),
     "linux.maskedPaths[1]: expected an absolute path, found \"b\""},
    {LINUX("\"readonlyPaths\":[\"\"]"),
     "linux.readonlyPaths[0]: expected an absolute path, found \"\""},
    {LINUX("\"devices\":[{\"path\":\"a\",\"type\":\"c\"}]"),
     "linux.devices[0].path: expected an absolute path, found \"a\""},
    {LINUX("\"devices\":[{\"path\":\"/a\",\"type\":\"x\"}]"),
     "linux.devices[0].type: expected one of c, b, u, p, found \"x\""},
    {LINUX("\"devices\":[{\"path\":\"/a\",\"type\":\"c\",\"major\":-1,\"minor\":0}]"),
     "linux.devices[0].major: expected 0 to 4095, found -1"},
    {LINUX("\"devices\":[{\"path\":\"/a\",\"type\":\"c\",\"major\":1,\"minor\":1048576}]"),
     "linux.devices[0].minor: expected 0 to 1048575, found 1048576"},
    {LINUX("\"personality\":{\"domain\":\"BSD\"}"),
     "linux.personality.domain: expected one of LINUX, LINUX32, found \"BSD\""},
    {LINUX("\"personality\":{\"domain\":\"LINUX\",\"flags\":[\"X\"]}"),
     "linux.personality.flags[0]: \"X\" is not known"},
    {LINUX("\"netDevices\":{\"eth0\":{}}"),
     "linux.netDevices: needs a network namespace in linux.namespaces"},
    {LINUX("\"netDevices\":{\"a/b\":{}}"), "linux.netDevices: \"a/b\" is not a device name"},
    {LINUX("\"memoryPolicy\":{\"mode\":\"X\"}"),
     "linux.memoryPolicy.mode: expected one of MPOL_DEFAULT, MPOL_BIND, MPOL_INTERLEAVE, "
     "MPOL_WEIGHTED_INTERLEAVE, MPOL_PREFERRED, MPOL_LOCAL, MPOL_PREFERRED_MANY, found \"X\""},
    /* resources */
    {RESOURCES("\"devices\":[{\"type\":\"c\"}]"),
     "linux.resources.devices[0].allow: missing, but required"},
    {RESOURCES("\"devices\":[{\"allow\":true,\"type\":\"p\"}]"),
     "linux.resources.devices[0].type: expected one of a, c, b, , found \"p\""},
    {RESOURCES("\"devices\":[{\"allow\":true,\"access\":\"rx\"}]"),
     "linux.resources.devices[0].access: expected letters of \"rwm\", found \"rx\""},
    {RESOURCES("\"memory\":{\"swappiness\":101}"),
     "linux.resources.memory.swappiness: expected 0 to 100, found 101"},
    {RESOURCES("\"memory\":{\"limit\":2,\"swap\":1}"),
     "linux.resources.memory.swap: 1 is below the memory limit 2; it counts memory and swap "
     "together"},
    {RESOURCES("\"cpu\":{\"cpus\":\"0-3,x\"}"),
     "linux.resources.cpu.cpus: expected a list such as \"0-3,7\", found \"0-3,x\""},
    {RESOURCES("\"cpu\":{\"mems\":\"3-1\"}"),
     "linux.resources.cpu.mems: expected a list such as \"0-3,7\", found \"3-1\""},
    {RESOURCES("\"cpu\":{\"idle\":2}"), "linux.resources.cpu.idle: expected 0 or 1, found 2"},
    {RESOURCES("\"blockIO\":{\"weight\":9}"),
     "linux.resources.blockIO.weight: expected 10 to 1000, found 9"},
    {RESOURCES("\"hugepageLimits\":[{\"pageSize\":\"2M\",\"limit\":1}]"),
     "linux.resources.hugepageLimits[0].pageSize: expected a size such as \"2MB\", found \"2M\""},
    {RESOURCES("\"unified\":{\"../x\":\"1\"}"),
     "linux.resources.unified: \"../x\" is not the name of a cgroup file"},
    /* seccomp */
    {LINUX("\"seccomp\":{\"defaultAction\":\"ALLOW\"}"),
     "linux.seccomp.defaultAction: \"ALLOW\" is not known"},
    {SECCOMP("\"architectures\":[\"x86\"]"),
     "linux.seccomp.architectures[0]: \"x86\" is not known"},
    {SECCOMP("\"flags\":[\"X\"]"), "linux.seccomp.flags[0]: \"X\" is not known"},
    {SECCOMP("\"syscalls\":[{\"names\":[],\"action\":\"SCMP_ACT_ALLOW\"}]"),
     "linux.seccomp.syscalls[0].names: must not be empty"},
    {SECCOMP("\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":4096}]"),
     "linux.seccomp.syscalls[0].errnoRet: expected 0 to 4095, found 4096"},
    {SECCOMP("\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_KILL\",\"errnoRet\":1}]"),
     "linux.seccomp.syscalls[0].errnoRet: SCMP_ACT_KILL returns no error number"},
    {SECCOMP(
	 "\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":6,"
	 "\"value\":0,\"op\":\"SCMP_CMP_EQ\"}]}]"),
     "linux.seccomp.syscalls[0].args[0].index: expected 0 to 5, found 6"},
    {SECCOMP(
	 "\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,"
	 "\"value\":0,\"op\":\"==\"}]}]"),
     "linux.seccomp.syscalls[0].args[0].op: expected one of SCMP_CMP_NE, SCMP_CMP_LT, SCMP_CMP_LE, "
     "SCMP_CMP_EQ, SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_MASKED_EQ, found \"==\""},
    {SECCOMP("\"listenerMetadata\":\"x\""),
     "linux.seccomp.listenerMetadata: needs linux.seccomp.listenerPath"},
};

static void expect(const char *text, size_t len, int code, const char *message)
{
	struct oci_config *c = NULL;
	char *err = NULL;
	int r = oci_config_parse(text, len, &c, &err);

	if (r != code || !err || strcmp(err, message) != 0 || c) {
		fprintf(stderr, "%.200s\n    expected: %s\n    found:    %s (%d)\n", text, message,
			err ? err : "no error", r);
		failures++;
	}
	oci_config_free(c);
	free(err);
	/* Nobody has to want the sentence. */
	CHECK(oci_config_parse(text, len, &c, NULL) == code);
}

/* A process object alone is named as it is in config.json, whoever finds the mistake. */
static void process_alone(void)
{
	static const char *const documents[][2] = {
	    {"{\"args\":[\"a\"]}", "process.cwd: missing, but required"},
	    {"{\"cwd\":\"/\"}", "process.args: must not be empty"},
	    {"[]", "the document: expected an object, found an array"},
	};

	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		struct oci_process *p = NULL;
		char *err = NULL;

		CHECK(oci_process_parse(documents[i][0], strlen(documents[i][0]), &p, &err) ==
		      -EINVAL);
		CHECK(!p && err && strcmp(err, documents[i][1]) == 0);
		free(err);
	}
}

static void too_deep(void)
{
	char text[4096] = "{\"x\":", *p = text + strlen(text);

	memset(p, '[', 2000);
	expect(text, strlen(text), -EFBIG, "the document: nested deeper than 64 levels");
	strcpy(text, "{\"linux\":{\"x\":");
	for (int i = 0; i < 100; i++)
		strcat(text, "{\"a\":");
	expect(text, strlen(text), -EFBIG, "linux: nested deeper than 64 levels");
}

static void too_large(void)
{
	const size_t n = OCI_MAX_TEXT + 1;
	char *text = malloc(n);
	size_t len;

	memset(text, ' ', n);
	expect(text, n, -EFBIG, "larger than 16 MiB");
	/* A text within the limit that asks for much more memory than it has bytes. */
	len = (size_t)sprintf(text, "{\"mounts\":[");
	while (len + 100 < OCI_MAX_TEXT) {
		memcpy(text + len, "{},", 3);
		len += 3;
	}
	expect(text, len, -EINVAL, "mounts[0].destination: missing, but required");
	len = (size_t)sprintf(text, "{\"linux\":{\"resources\":{\"rdma\":{");
	while (len + 100 < OCI_MAX_TEXT) {
		memcpy(text + len, "\"\":{},", 6);
		len += 6;
	}
	expect(text, len, -EFBIG,
	       "linux.resources.rdma[\"\"]: the document needs more than 128 MiB of memory");
	free(text);
}

static void files(void)
{
	char path[] = "/tmp/ocispec-messages-XXXXXX";
	int fd = mkstemp(path);
	struct oci_config *c;
	char *err = NULL, want[128];

	CHECK(fd >= 0 && write(fd, "{}", 2) == 2);
	CHECK(oci_config_load(path, &c, &err) == -EINVAL && !c);
	snprintf(want, sizeof(want), "%s: ociVersion: missing, but required", path);
	CHECK(err && strcmp(err, want) == 0);
	free(err);
	close(fd);
	unlink(path);
	CHECK(oci_config_load(path, &c, &err) == -ENOENT);
	snprintf(want, sizeof(want), "%s: No such file or directory", path);
	CHECK(err && strcmp(err, want) == 0);
	free(err);
	CHECK(oci_config_load("/", &c, &err) == -EISDIR);
	CHECK(err && strcmp(err, "/: Is a directory") == 0);
	free(err);
	CHECK(oci_config_load("/dev/zero", &c, &err) == -EFBIG);
	CHECK(err && strcmp(err, "/dev/zero: larger than 16 MiB") == 0);
	free(err);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect(cases[i].text, strlen(cases[i].text), -EINVAL, cases[i].message);
	process_alone();
	too_deep();
	too_large();
	files();
	return failures != 0;
}
