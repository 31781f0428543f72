#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# fake_systemd.py LOG CGROUP [RESULT]: enough of systemd's manager, on the bus that
# DBUS_SESSION_BUS_ADDRESS names, to start and stop scopes. Each call is a line of JSON in LOG; scopes
# are directories CGROUP of the name=systemd hierarchy; RESULT is what jobs end as (default: done).
import json
import os
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

log, cgroup = sys.argv[1:3]
result = sys.argv[3] if len(sys.argv) > 3 else "done"
root = "/sys/fs/cgroup/systemd"
MANAGER = "org.freedesktop.systemd1.Manager"


def plain(v):
    if isinstance(v, dbus.Boolean):
        return bool(v)
    if isinstance(v, (dbus.Array, list)):
        return [plain(x) for x in v]
    return int(v) if isinstance(v, int) else str(v)


def note(method, unit, properties=()):
    with open(log, "a") as f:
        json.dump({"method": method, "unit": str(unit), **{str(k): plain(v) for k, v in properties}}, f)
        f.write("\n")


class Unit(dbus.service.Object):
    @dbus.service.method("org.freedesktop.DBus.Properties", in_signature="ss", out_signature="v")
    def Get(self, interface, name):
        return {"ControlGroup": cgroup}[name]


class Manager(dbus.service.Object):
    jobs = 0

    @dbus.service.signal(MANAGER, signature="uoss")
    def JobRemoved(self, number, job, unit, result):
        pass

    def job(self, unit):
        self.jobs += 1
        path = dbus.ObjectPath("/org/freedesktop/systemd1/job/%d" % self.jobs)
        GLib.timeout_add(20, lambda: self.JobRemoved(self.jobs, path, unit, result))
        return path

    @dbus.service.method(MANAGER)
    def Subscribe(self):
        note("Subscribe", "")

    @dbus.service.method(MANAGER, in_signature="ssa(sv)a(sa(sv))", out_signature="o")
    def StartTransientUnit(self, unit, mode, properties, aux):
        note("StartTransientUnit", unit, properties)
        os.makedirs(root + cgroup, exist_ok=True)
        for pid in dict(properties)["PIDs"]:
            with open(root + cgroup + "/cgroup.procs", "w") as f:
                f.write(str(int(pid)))
        return self.job(unit)

    @dbus.service.method(MANAGER, in_signature="s", out_signature="o")
    def GetUnit(self, unit):
        return dbus.ObjectPath("/org/freedesktop/systemd1/unit/it")

    @dbus.service.method(MANAGER, in_signature="sba(sv)")
    def SetUnitProperties(self, unit, runtime, properties):
        note("SetUnitProperties", unit, properties)

    @dbus.service.method(MANAGER, in_signature="ss", out_signature="o")
    def StopUnit(self, unit, mode):
        note("StopUnit", unit)
        if not os.path.isdir(root + cgroup):
            raise dbus.DBusException("Unit %s not loaded." % unit, name="org.freedesktop.systemd1.NoSuchUnit")
        return self.job(unit)


dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus()
unit = Unit(bus, "/org/freedesktop/systemd1/unit/it")
manager = Manager(bus, "/org/freedesktop/systemd1")
name = dbus.service.BusName("org.freedesktop.systemd1", bus)
note("ready", "")
GLib.MainLoop().run()
