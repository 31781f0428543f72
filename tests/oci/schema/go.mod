module husk/tests/oci/schema

go 1.19

// Apart from the suite beside it, which is built against an older version.
require github.com/opencontainers/runtime-spec v1.3.0
