// Package lru is a cache bounded in bytes, in which several callers that miss the same key at once wait for one load.
//
// Invariants: the sum of the costs stays at or below the bound, except that the newest value alone may exceed it; an
// error is never cached; a value handed out stays valid after it is evicted, so values are immutable.
package lru
