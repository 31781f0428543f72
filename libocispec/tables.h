/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The objects of config.json, state.json and features.json (runtime-spec 1.3: config.md,
 * config-linux.md, config-vm.md, runtime.md, features.md), one table an object, one line a field.
 * The C structs (ocispec.h), the parser, the writer and the release functions are all made from
 * these lines: to add a field of the spec, add its line here.
 *
 *	ROW(kind, object, need, field, "name in JSON")
 *
 * kind     what the JSON value is, and what the struct has for it:
 *	STR	string			char *field;			NULL: absent
 *	STRS	array of strings	char **field; size_t n_field;	and a NULL after the last
 *	BOOL	true or false		bool has_field; bool field;
 *	I32, I64, U16, U32, U64		bool has_field; intNN_t or uintNN_t field;
 *	U32S	array of integers	uint32_t *field; size_t n_field;
 *	OBJ	object			struct oci_OBJECT *field;	NULL: absent
 *	OBJS	array of objects	struct oci_OBJECT *field; size_t n_field;
 *	MAP	names and strings	struct oci_map field;
 *	OBJMAP	names and objects	struct oci_OBJECT *field; char **field_keys; size_t n_field;
 *	COUNT	not in JSON		size_t field;			fields not known
 * object   for OBJ, OBJS and OBJMAP: which table; else _
 * need     REQ: must be there; OPT: may be missing; DEF: an empty object is made when it is
 *          missing, so that the pointer is never NULL in what the parser returns
 */
#ifndef OCISPEC_TABLES_H
#define OCISPEC_TABLES_H

/* ---- process and what is in it ------------------------------------------------------------- */

#define OCI_TABLE_BOX(ROW)                                                                         \
	ROW(U16, _, REQ, height, "height") /* rows */                                              \
	ROW(U16, _, REQ, width, "width")   /* columns */

#define OCI_TABLE_USER(ROW)                                                                        \
	ROW(U32, _, OPT, uid, "uid")                            /* in the container; absent: 0 */  \
	ROW(U32, _, OPT, gid, "gid")                            /* in the container; absent: 0 */  \
	ROW(U32, _, OPT, umask, "umask")                        /* absent: 022 */                  \
	ROW(U32S, _, OPT, additional_gids, "additionalGids")    /* supplementary groups */         \
	ROW(STR, _, OPT, username, "username")                  /* Windows; carried along */

#define OCI_TABLE_CAPABILITIES(ROW)                                                                \
	ROW(STRS, _, OPT, bounding, "bounding")                                                    \
	ROW(STRS, _, OPT, effective, "effective")                                                  \
	ROW(STRS, _, OPT, inheritable, "inheritable")                                              \
	ROW(STRS, _, OPT, permitted, "permitted")                                                  \
	ROW(STRS, _, OPT, ambient, "ambient")

#define OCI_TABLE_RLIMIT(ROW)                                                                      \
	ROW(STR, _, REQ, type, "type") /* "RLIMIT_NOFILE", … */                                    \
	ROW(U64, _, REQ, hard, "hard")                                                             \
	ROW(U64, _, REQ, soft, "soft")

#define OCI_TABLE_SCHEDULER(ROW)                                                                   \
	ROW(STR, _, REQ, policy, "policy")     /* "SCHED_OTHER", … */                              \
	ROW(I32, _, OPT, nice, "nice")         /* -20 … 19 */                                      \
	ROW(I32, _, OPT, priority, "priority") /* static priority */                               \
	ROW(STRS, _, OPT, flags, "flags")      /* "SCHED_FLAG_RESET_ON_FORK", … */                 \
	ROW(U64, _, OPT, runtime, "runtime")   /* SCHED_DEADLINE, ns */                            \
	ROW(U64, _, OPT, deadline, "deadline") /* SCHED_DEADLINE, ns */                            \
	ROW(U64, _, OPT, period, "period")     /* SCHED_DEADLINE, ns */

#define OCI_TABLE_IO_PRIORITY(ROW)                                                                 \
	ROW(STR, _, REQ, class, "class")       /* "IOPRIO_CLASS_RT", _BE or _IDLE */               \
	ROW(I32, _, OPT, priority, "priority") /* 0 … 7 */

#define OCI_TABLE_EXEC_CPU_AFFINITY(ROW)                                                           \
	ROW(STR, _, OPT, initial, "initial") /* CPU list while joining the cgroup */               \
	ROW(STR, _, OPT, final, "final")     /* CPU list afterwards */

#define OCI_TABLE_PROCESS(ROW)                                                                     \
	ROW(BOOL, _, OPT, terminal, "terminal")                                                    \
	ROW(OBJ, box, OPT, console_size, "consoleSize")                                            \
	ROW(OBJ, user, DEF, user, "user")                      /* never NULL */                    \
	ROW(STRS, _, OPT, args, "args")                        /* at least one when given */       \
	ROW(STRS, _, OPT, env, "env")                          /* NAME=value */                    \
	ROW(STR, _, REQ, cwd, "cwd")                           /* absolute */                      \
	ROW(OBJ, capabilities, OPT, capabilities, "capabilities")                                  \
	ROW(OBJS, rlimit, OPT, rlimits, "rlimits")                                                 \
	ROW(BOOL, _, OPT, no_new_privileges, "noNewPrivileges")                                    \
	ROW(STR, _, OPT, apparmor_profile, "apparmorProfile")                                      \
	ROW(I32, _, OPT, oom_score_adj, "oomScoreAdj")         /* -1000 … 1000 */                  \
	ROW(STR, _, OPT, selinux_label, "selinuxLabel")                                            \
	ROW(OBJ, scheduler, OPT, scheduler, "scheduler")                                           \
	ROW(OBJ, io_priority, OPT, io_priority, "ioPriority")                                      \
	ROW(OBJ, exec_cpu_affinity, OPT, exec_cpu_affinity, "execCPUAffinity")                     \
	ROW(COUNT, _, OPT, n_unknown, NULL)

/* ---- root, mounts, hooks ------------------------------------------------------------------- */

#define OCI_TABLE_ROOT(ROW)                                                                        \
	ROW(STR, _, REQ, path, "path")          /* absolute, or relative to the bundle */          \
	ROW(BOOL, _, OPT, readonly, "readonly")

#define OCI_TABLE_ID_MAPPING(ROW)                                                                  \
	ROW(U32, _, REQ, container_id, "containerID")                                              \
	ROW(U32, _, REQ, host_id, "hostID")                                                        \
	ROW(U32, _, REQ, size, "size")

#define OCI_TABLE_MOUNT(ROW)                                                                       \
	ROW(STR, _, REQ, destination, "destination") /* in the container */                        \
	ROW(STR, _, OPT, type, "type")               /* absent for bind mounts */                  \
	ROW(STR, _, OPT, source, "source")           /* bind: relative to the bundle */            \
	ROW(STRS, _, OPT, options, "options")                                                      \
	ROW(OBJS, id_mapping, OPT, uid_mappings, "uidMappings")                                    \
	ROW(OBJS, id_mapping, OPT, gid_mappings, "gidMappings")

#define OCI_TABLE_HOOK(ROW)                                                                        \
	ROW(STR, _, REQ, path, "path")       /* absolute */                                        \
	ROW(STRS, _, OPT, args, "args")      /* with argv[0] */                                    \
	ROW(STRS, _, OPT, env, "env")                                                              \
	ROW(I64, _, OPT, timeout, "timeout") /* seconds, > 0 */

#define OCI_TABLE_HOOKS(ROW)                                                                       \
	ROW(OBJS, hook, OPT, prestart, "prestart") /* deprecated, same time as createRuntime */    \
	ROW(OBJS, hook, OPT, create_runtime, "createRuntime")                                      \
	ROW(OBJS, hook, OPT, create_container, "createContainer")                                  \
	ROW(OBJS, hook, OPT, start_container, "startContainer")                                    \
	ROW(OBJS, hook, OPT, poststart, "poststart")                                               \
	ROW(OBJS, hook, OPT, poststop, "poststop")

/* ---- linux: devices and cgroup resources --------------------------------------------------- */

#define OCI_TABLE_DEVICE(ROW)                                                                      \
	ROW(STR, _, REQ, path, "path")           /* absolute, in the container */                  \
	ROW(STR, _, REQ, type, "type")           /* "c", "b", "u" or "p" */                        \
	ROW(I64, _, OPT, major, "major")         /* required unless type is "p" */                 \
	ROW(I64, _, OPT, minor, "minor")         /* required unless type is "p" */                 \
	ROW(U32, _, OPT, file_mode, "fileMode")                                                    \
	ROW(U32, _, OPT, uid, "uid")                                                               \
	ROW(U32, _, OPT, gid, "gid")

#define OCI_TABLE_DEVICE_RULE(ROW)                                                                 \
	ROW(BOOL, _, REQ, allow, "allow")                                                          \
	ROW(STR, _, OPT, type, "type")     /* "a" (all, default), "c" or "b" */                    \
	ROW(I64, _, OPT, major, "major")   /* absent or -1: any */                                 \
	ROW(I64, _, OPT, minor, "minor")   /* absent or -1: any */                                 \
	ROW(STR, _, OPT, access, "access") /* of r, w, m */

#define OCI_TABLE_MEMORY(ROW)                                                                      \
	ROW(I64, _, OPT, limit, "limit")             /* bytes, -1: unlimited */                    \
	ROW(I64, _, OPT, reservation, "reservation") /* bytes */                                   \
	ROW(I64, _, OPT, swap, "swap")               /* memory + swap, bytes */                    \
	ROW(I64, _, OPT, kernel, "kernel")           /* deprecated */                              \
	ROW(I64, _, OPT, kernel_tcp, "kernelTCP")                                                  \
	ROW(U64, _, OPT, swappiness, "swappiness")   /* 0 … 100 */                                 \
	ROW(BOOL, _, OPT, disable_oom_killer, "disableOOMKiller")                                  \
	ROW(BOOL, _, OPT, use_hierarchy, "useHierarchy")                                           \
	ROW(BOOL, _, OPT, check_before_update, "checkBeforeUpdate")

#define OCI_TABLE_CPU(ROW)                                                                         \
	ROW(U64, _, OPT, shares, "shares")                                                         \
	ROW(I64, _, OPT, quota, "quota")                    /* µs per period, -1: none */          \
	ROW(U64, _, OPT, burst, "burst")                    /* µs */                               \
	ROW(U64, _, OPT, period, "period")                  /* µs */                               \
	ROW(I64, _, OPT, realtime_runtime, "realtimeRuntime") /* µs */                             \
	ROW(U64, _, OPT, realtime_period, "realtimePeriod") /* µs */                               \
	ROW(STR, _, OPT, cpus, "cpus")                      /* CPU list */                         \
	ROW(STR, _, OPT, mems, "mems")                      /* memory node list */                 \
	ROW(I64, _, OPT, idle, "idle")                      /* 0 or 1 */

#define OCI_TABLE_PIDS(ROW)                                                                        \
	ROW(I64, _, OPT, limit, "limit") /* 0 or -1: unlimited */

#define OCI_TABLE_WEIGHT_DEVICE(ROW)                                                               \
	ROW(I64, _, REQ, major, "major")                                                           \
	ROW(I64, _, REQ, minor, "minor")                                                           \
	ROW(U16, _, OPT, weight, "weight")                                                         \
	ROW(U16, _, OPT, leaf_weight, "leafWeight")

#define OCI_TABLE_THROTTLE_DEVICE(ROW)                                                             \
	ROW(I64, _, REQ, major, "major")                                                           \
	ROW(I64, _, REQ, minor, "minor")                                                           \
	ROW(U64, _, REQ, rate, "rate") /* bytes or operations per second */

#define OCI_TABLE_BLOCK_IO(ROW)                                                                    \
	ROW(U16, _, OPT, weight, "weight") /* 10 … 1000 */                                         \
	ROW(U16, _, OPT, leaf_weight, "leafWeight")                                                \
	ROW(OBJS, weight_device, OPT, weight_device, "weightDevice")                               \
	ROW(OBJS, throttle_device, OPT, throttle_read_bps_device, "throttleReadBpsDevice")         \
	ROW(OBJS, throttle_device, OPT, throttle_write_bps_device, "throttleWriteBpsDevice")       \
	ROW(OBJS, throttle_device, OPT, throttle_read_iops_device, "throttleReadIOPSDevice")       \
	ROW(OBJS, throttle_device, OPT, throttle_write_iops_device, "throttleWriteIOPSDevice")

#define OCI_TABLE_HUGEPAGE_LIMIT(ROW)                                                              \
	ROW(STR, _, REQ, page_size, "pageSize") /* "2MB", … */                                     \
	ROW(U64, _, REQ, limit, "limit")        /* bytes */

#define OCI_TABLE_INTERFACE_PRIORITY(ROW)                                                          \
	ROW(STR, _, REQ, name, "name")                                                             \
	ROW(U32, _, REQ, priority, "priority")

#define OCI_TABLE_NETWORK(ROW)                                                                     \
	ROW(U32, _, OPT, class_id, "classID")                                                      \
	ROW(OBJS, interface_priority, OPT, priorities, "priorities")

#define OCI_TABLE_RDMA(ROW)                                                                        \
	ROW(U32, _, OPT, hca_handles, "hcaHandles")                                                \
	ROW(U32, _, OPT, hca_objects, "hcaObjects")

#define OCI_TABLE_RESOURCES(ROW)                                                                   \
	ROW(OBJS, device_rule, OPT, devices, "devices") /* applied in order */                     \
	ROW(OBJ, memory, OPT, memory, "memory")                                                    \
	ROW(OBJ, cpu, OPT, cpu, "cpu")                                                             \
	ROW(OBJ, pids, OPT, pids, "pids")                                                          \
	ROW(OBJ, block_io, OPT, block_io, "blockIO")                                               \
	ROW(OBJS, hugepage_limit, OPT, hugepage_limits, "hugepageLimits")                          \
	ROW(OBJ, network, OPT, network, "network")                                                 \
	ROW(OBJMAP, rdma, OPT, rdma, "rdma")            /* by device name */                       \
	ROW(MAP, _, OPT, unified, "unified")            /* cgroup v2: file name, content */

/* ---- linux: seccomp ------------------------------------------------------------------------ */

#define OCI_TABLE_SECCOMP_ARG(ROW)                                                                 \
	ROW(U32, _, REQ, index, "index")         /* 0 … 5 */                                       \
	ROW(U64, _, REQ, value, "value")                                                           \
	ROW(U64, _, OPT, value_two, "valueTwo")                                                    \
	ROW(STR, _, REQ, op, "op")               /* "SCMP_CMP_EQ", … */

#define OCI_TABLE_SYSCALL(ROW)                                                                     \
	ROW(STRS, _, REQ, names, "names")       /* at least one */                                 \
	ROW(STR, _, REQ, action, "action")      /* "SCMP_ACT_ALLOW", … */                          \
	ROW(U32, _, OPT, errno_ret, "errnoRet") /* absent: EPERM */                                \
	ROW(OBJS, seccomp_arg, OPT, args, "args")

#define OCI_TABLE_SECCOMP(ROW)                                                                     \
	ROW(STR, _, REQ, default_action, "defaultAction")                                          \
	ROW(U32, _, OPT, default_errno_ret, "defaultErrnoRet")                                     \
	ROW(STRS, _, OPT, architectures, "architectures") /* "SCMP_ARCH_X86_64", … */              \
	ROW(STRS, _, OPT, flags, "flags")                 /* "SECCOMP_FILTER_FLAG_LOG", … */       \
	ROW(STR, _, OPT, listener_path, "listenerPath")                                            \
	ROW(STR, _, OPT, listener_metadata, "listenerMetadata")                                    \
	ROW(OBJS, syscall, OPT, syscalls, "syscalls")

/* ---- linux: the rest ----------------------------------------------------------------------- */

#define OCI_TABLE_NAMESPACE(ROW)                                                                   \
	ROW(STR, _, REQ, type, "type") /* pid network mount ipc uts user cgroup time */            \
	ROW(STR, _, OPT, path, "path") /* absolute; absent: a new one */

#define OCI_TABLE_INTEL_RDT(ROW)                                                                   \
	ROW(STR, _, OPT, clos_id, "closID")                                                        \
	ROW(STRS, _, OPT, schemata, "schemata")                                                    \
	ROW(STR, _, OPT, l3_cache_schema, "l3CacheSchema")                                         \
	ROW(STR, _, OPT, mem_bw_schema, "memBwSchema")                                             \
	ROW(BOOL, _, OPT, enable_cmt, "enableCMT")                                                 \
	ROW(BOOL, _, OPT, enable_mbm, "enableMBM")                                                 \
	ROW(BOOL, _, OPT, enable_monitoring, "enableMonitoring")

#define OCI_TABLE_PERSONALITY(ROW)                                                                 \
	ROW(STR, _, REQ, domain, "domain") /* "LINUX" or "LINUX32" */                              \
	ROW(STRS, _, OPT, flags, "flags")  /* none are defined */

#define OCI_TABLE_TIME_OFFSET(ROW)                                                                 \
	ROW(I64, _, OPT, secs, "secs")                                                             \
	ROW(U32, _, OPT, nanosecs, "nanosecs")

#define OCI_TABLE_NET_DEVICE(ROW)                                                                  \
	ROW(STR, _, OPT, name, "name") /* its name in the container; absent: the same */

#define OCI_TABLE_MEMORY_POLICY(ROW)                                                               \
	ROW(STR, _, REQ, mode, "mode")    /* "MPOL_DEFAULT", … */                                  \
	ROW(STR, _, OPT, nodes, "nodes")  /* node list */                                          \
	ROW(STRS, _, OPT, flags, "flags") /* "MPOL_F_STATIC_NODES", … */

#define OCI_TABLE_LINUX(ROW)                                                                       \
	ROW(OBJS, id_mapping, OPT, uid_mappings, "uidMappings")                                    \
	ROW(OBJS, id_mapping, OPT, gid_mappings, "gidMappings")                                    \
	ROW(MAP, _, OPT, sysctl, "sysctl")                                                         \
	ROW(OBJ, resources, OPT, resources, "resources")                                           \
	ROW(STR, _, OPT, cgroups_path, "cgroupsPath")                                              \
	ROW(OBJS, namespace, OPT, namespaces, "namespaces")                                        \
	ROW(OBJS, device, OPT, devices, "devices")                                                 \
	ROW(OBJ, seccomp, OPT, seccomp, "seccomp")                                                 \
	ROW(STR, _, OPT, rootfs_propagation, "rootfsPropagation")                                  \
	ROW(STRS, _, OPT, masked_paths, "maskedPaths")                                             \
	ROW(STRS, _, OPT, readonly_paths, "readonlyPaths")                                         \
	ROW(STR, _, OPT, mount_label, "mountLabel")                                                \
	ROW(OBJ, intel_rdt, OPT, intel_rdt, "intelRdt")                                            \
	ROW(OBJ, personality, OPT, personality, "personality")                                     \
	ROW(OBJMAP, time_offset, OPT, time_offsets, "timeOffsets") /* "monotonic", "boottime" */   \
	ROW(OBJMAP, net_device, OPT, net_devices, "netDevices")    /* by name on the host */       \
	ROW(OBJ, memory_policy, OPT, memory_policy, "memoryPolicy")

/* ---- vm ------------------------------------------------------------------------------------ */

#define OCI_TABLE_HYPERVISOR(ROW)                                                                  \
	ROW(STR, _, REQ, path, "path")                                                             \
	ROW(STRS, _, OPT, parameters, "parameters")

#define OCI_TABLE_KERNEL(ROW)                                                                      \
	ROW(STR, _, REQ, path, "path")                                                             \
	ROW(STRS, _, OPT, parameters, "parameters")                                                \
	ROW(STR, _, OPT, initrd, "initrd")

#define OCI_TABLE_IMAGE(ROW)                                                                       \
	ROW(STR, _, REQ, path, "path")                                                             \
	ROW(STR, _, REQ, format, "format")

#define OCI_TABLE_IOMEM(ROW)                                                                       \
	ROW(U64, _, OPT, first_gfn, "firstGFN")                                                    \
	ROW(U64, _, OPT, first_mfn, "firstMFN")                                                    \
	ROW(U64, _, OPT, nr_mfns, "nrMFNs")

#define OCI_TABLE_HW_CONFIG(ROW)                                                                   \
	ROW(STR, _, OPT, device_tree, "deviceTree")                                                \
	ROW(U32, _, OPT, vcpus, "vcpus")   /* how many virtual CPUs at most */                     \
	ROW(U64, _, OPT, memory, "memory") /* guest memory at most, bytes */                       \
	ROW(STRS, _, OPT, dtdevs, "dtdevs")                                                        \
	ROW(OBJS, iomem, OPT, iomems, "iomems")                                                    \
	ROW(U32S, _, OPT, irqs, "irqs")

#define OCI_TABLE_VM(ROW)                                                                          \
	ROW(OBJ, hypervisor, OPT, hypervisor, "hypervisor")                                        \
	ROW(OBJ, kernel, OPT, kernel, "kernel") /* the kernel is husk: refused by who uses it */   \
	ROW(OBJ, image, OPT, image, "image")                                                       \
	ROW(OBJ, hw_config, OPT, hw_config, "hwConfig")

/* ---- config.json --------------------------------------------------------------------------- */

#define OCI_TABLE_CONFIG(ROW)                                                                      \
	ROW(STR, _, REQ, oci_version, "ociVersion")                                                \
	ROW(OBJ, process, OPT, process, "process") /* needed at start, says the spec */            \
	ROW(OBJ, root, REQ, root, "root")                                                          \
	ROW(STR, _, OPT, hostname, "hostname")                                                     \
	ROW(STR, _, OPT, domainname, "domainname")                                                 \
	ROW(OBJS, mount, OPT, mounts, "mounts")    /* in the order they are to be mounted */       \
	ROW(OBJ, hooks, OPT, hooks, "hooks")                                                       \
	ROW(MAP, _, OPT, annotations, "annotations")                                               \
	ROW(OBJ, linux, DEF, linux, "linux")       /* never NULL */                                \
	ROW(OBJ, vm, OPT, vm, "vm")                                                                \
	ROW(COUNT, _, OPT, n_unknown, NULL)

/* ---- state.json (runtime.md, State) -------------------------------------------------------- */

#define OCI_TABLE_STATE(ROW)                                                                       \
	ROW(STR, _, REQ, oci_version, "ociVersion")                                                \
	ROW(STR, _, REQ, id, "id")                                                                 \
	ROW(STR, _, REQ, status, "status") /* creating created running stopped (paused) */         \
	ROW(I64, _, OPT, pid, "pid")                                                               \
	ROW(STR, _, REQ, bundle, "bundle")                                                         \
	ROW(STR, _, OPT, rootfs, "rootfs") /* runc's additions: rootfs, created, owner */          \
	ROW(STR, _, OPT, created, "created")                                                       \
	ROW(MAP, _, OPT, annotations, "annotations")                                               \
	ROW(STR, _, OPT, owner, "owner")                                                           \
	ROW(COUNT, _, OPT, n_unknown, NULL)

/* ---- features.json (features.md, features-linux.md) ---------------------------------------- */

#define OCI_TABLE_FEATURES_CGROUP(ROW)                                                             \
	ROW(BOOL, _, OPT, v1, "v1")                                                                \
	ROW(BOOL, _, OPT, v2, "v2")                                                                \
	ROW(BOOL, _, OPT, systemd, "systemd")                                                      \
	ROW(BOOL, _, OPT, systemd_user, "systemdUser")                                             \
	ROW(BOOL, _, OPT, rdma, "rdma")

#define OCI_TABLE_FEATURES_SECCOMP(ROW)                                                            \
	ROW(BOOL, _, OPT, enabled, "enabled")                                                      \
	ROW(STRS, _, OPT, actions, "actions")                                                      \
	ROW(STRS, _, OPT, operators, "operators")                                                  \
	ROW(STRS, _, OPT, archs, "archs")                                                          \
	ROW(STRS, _, OPT, known_flags, "knownFlags")                                               \
	ROW(STRS, _, OPT, supported_flags, "supportedFlags")

/* apparmor, selinux, mountExtensions.idmap, netDevices: whether the feature is there */
#define OCI_TABLE_FEATURES_ENABLED(ROW) ROW(BOOL, _, OPT, enabled, "enabled")

#define OCI_TABLE_FEATURES_INTEL_RDT(ROW)                                                          \
	ROW(BOOL, _, OPT, enabled, "enabled")                                                      \
	ROW(BOOL, _, OPT, schemata, "schemata")                                                    \
	ROW(BOOL, _, OPT, monitoring, "monitoring")

#define OCI_TABLE_FEATURES_MEMORY_POLICY(ROW)                                                      \
	ROW(STRS, _, OPT, modes, "modes")                                                          \
	ROW(STRS, _, OPT, flags, "flags")

#define OCI_TABLE_FEATURES_MOUNT_EXTENSIONS(ROW)                                                   \
	ROW(OBJ, features_enabled, OPT, idmap, "idmap")

#define OCI_TABLE_FEATURES_LINUX(ROW)                                                              \
	ROW(STRS, _, OPT, namespaces, "namespaces")                                                \
	ROW(STRS, _, OPT, capabilities, "capabilities")                                            \
	ROW(OBJ, features_cgroup, OPT, cgroup, "cgroup")                                           \
	ROW(OBJ, features_seccomp, OPT, seccomp, "seccomp")                                        \
	ROW(OBJ, features_enabled, OPT, apparmor, "apparmor")                                      \
	ROW(OBJ, features_enabled, OPT, selinux, "selinux")                                        \
	ROW(OBJ, features_intel_rdt, OPT, intel_rdt, "intelRdt")                                   \
	ROW(OBJ, features_memory_policy, OPT, memory_policy, "memoryPolicy")                       \
	ROW(OBJ, features_mount_extensions, OPT, mount_extensions, "mountExtensions")              \
	ROW(OBJ, features_enabled, OPT, net_devices, "netDevices")

#define OCI_TABLE_FEATURES(ROW)                                                                    \
	ROW(STR, _, REQ, oci_version_min, "ociVersionMin")                                         \
	ROW(STR, _, REQ, oci_version_max, "ociVersionMax")                                         \
	ROW(STRS, _, OPT, hooks, "hooks")                                                          \
	ROW(STRS, _, OPT, mount_options, "mountOptions")                                           \
	ROW(OBJ, features_linux, OPT, linux, "linux")                                              \
	ROW(MAP, _, OPT, annotations, "annotations")                                               \
	ROW(STRS, _, OPT, potentially_unsafe_config_annotations,                                   \
	    "potentiallyUnsafeConfigAnnotations")                                                  \
	ROW(COUNT, _, OPT, n_unknown, NULL)

/*
 * Every object: OBJECT(name, table) is struct oci_NAME made of that table. An object stands after
 * those it contains.
 */
#define OCI_OBJECTS(OBJECT)                                                                        \
	OBJECT(box, OCI_TABLE_BOX)                                                                 \
	OBJECT(user, OCI_TABLE_USER)                                                               \
	OBJECT(capabilities, OCI_TABLE_CAPABILITIES)                                               \
	OBJECT(rlimit, OCI_TABLE_RLIMIT)                                                           \
	OBJECT(scheduler, OCI_TABLE_SCHEDULER)                                                     \
	OBJECT(io_priority, OCI_TABLE_IO_PRIORITY)                                                 \
	OBJECT(exec_cpu_affinity, OCI_TABLE_EXEC_CPU_AFFINITY)                                     \
	OBJECT(process, OCI_TABLE_PROCESS)                                                         \
	OBJECT(root, OCI_TABLE_ROOT)                                                               \
	OBJECT(id_mapping, OCI_TABLE_ID_MAPPING)                                                   \
	OBJECT(mount, OCI_TABLE_MOUNT)                                                             \
	OBJECT(hook, OCI_TABLE_HOOK)                                                               \
	OBJECT(hooks, OCI_TABLE_HOOKS)                                                             \
	OBJECT(device, OCI_TABLE_DEVICE)                                                           \
	OBJECT(device_rule, OCI_TABLE_DEVICE_RULE)                                                 \
	OBJECT(memory, OCI_TABLE_MEMORY)                                                           \
	OBJECT(cpu, OCI_TABLE_CPU)                                                                 \
	OBJECT(pids, OCI_TABLE_PIDS)                                                               \
	OBJECT(weight_device, OCI_TABLE_WEIGHT_DEVICE)                                             \
	OBJECT(throttle_device, OCI_TABLE_THROTTLE_DEVICE)                                         \
	OBJECT(block_io, OCI_TABLE_BLOCK_IO)                                                       \
	OBJECT(hugepage_limit, OCI_TABLE_HUGEPAGE_LIMIT)                                           \
	OBJECT(interface_priority, OCI_TABLE_INTERFACE_PRIORITY)                                   \
	OBJECT(network, OCI_TABLE_NETWORK)                                                         \
	OBJECT(rdma, OCI_TABLE_RDMA)                                                               \
	OBJECT(resources, OCI_TABLE_RESOURCES)                                                     \
	OBJECT(seccomp_arg, OCI_TABLE_SECCOMP_ARG)                                                 \
	OBJECT(syscall, OCI_TABLE_SYSCALL)                                                         \
	OBJECT(seccomp, OCI_TABLE_SECCOMP)                                                         \
	OBJECT(namespace, OCI_TABLE_NAMESPACE)                                                     \
	OBJECT(intel_rdt, OCI_TABLE_INTEL_RDT)                                                     \
	OBJECT(personality, OCI_TABLE_PERSONALITY)                                                 \
	OBJECT(time_offset, OCI_TABLE_TIME_OFFSET)                                                 \
	OBJECT(net_device, OCI_TABLE_NET_DEVICE)                                                   \
	OBJECT(memory_policy, OCI_TABLE_MEMORY_POLICY)                                             \
	OBJECT(linux, OCI_TABLE_LINUX)                                                             \
	OBJECT(hypervisor, OCI_TABLE_HYPERVISOR)                                                   \
	OBJECT(kernel, OCI_TABLE_KERNEL)                                                           \
	OBJECT(image, OCI_TABLE_IMAGE)                                                             \
	OBJECT(iomem, OCI_TABLE_IOMEM)                                                             \
	OBJECT(hw_config, OCI_TABLE_HW_CONFIG)                                                     \
	OBJECT(vm, OCI_TABLE_VM)                                                                   \
	OBJECT(config, OCI_TABLE_CONFIG)                                                           \
	OBJECT(state, OCI_TABLE_STATE)                                                             \
	OBJECT(features_cgroup, OCI_TABLE_FEATURES_CGROUP)                                         \
	OBJECT(features_seccomp, OCI_TABLE_FEATURES_SECCOMP)                                       \
	OBJECT(features_enabled, OCI_TABLE_FEATURES_ENABLED)                                       \
	OBJECT(features_intel_rdt, OCI_TABLE_FEATURES_INTEL_RDT)                                   \
	OBJECT(features_memory_policy, OCI_TABLE_FEATURES_MEMORY_POLICY)                           \
	OBJECT(features_mount_extensions, OCI_TABLE_FEATURES_MOUNT_EXTENSIONS)                     \
	OBJECT(features_linux, OCI_TABLE_FEATURES_LINUX)                                           \
	OBJECT(features, OCI_TABLE_FEATURES)

#endif
