# What go is told wherever it compiles for Locus: a compiled library is taken only where all of this is the same.
export CGO_ENABLED=0 GOENV=off GOFLAGS=-buildvcs=false GOPROXY=off GOTOOLCHAIN=local GOWORK=off
