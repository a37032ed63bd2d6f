// Package exporttest is the conformance suite of nbdsrv.Export, and an export in memory that meets it.
package exporttest
