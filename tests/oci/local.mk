# SPDX-License-Identifier: GPL-2.0-or-later
EXTRA_DIST += tests/oci/run tests/oci/expected tests/oci/go.mod tests/oci/go.sum tests/oci/programs.go \
	tests/oci/schema/run tests/oci/schema/validate.py tests/oci/schema/go.mod tests/oci/schema/go.sum
