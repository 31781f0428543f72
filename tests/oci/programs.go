//go:build tools

// Package oci names what is built from the runtime-tools module, so that `go mod tidy` keeps go.mod
// and go.sum whole: programs cannot be imported, and this file is never compiled.
package oci

import (
	_ "github.com/opencontainers/runtime-tools/cmd/runtimetest"
	_ "github.com/opencontainers/runtime-tools/validation/default"
	_ "github.com/opencontainers/runtime-tools/validation/util"
)
