// Package report gives a point as people and scripts read it: the JSON of `points` and of point.json in a mounted tree.
//
//	manifest ──Of──> Point ──encoding/json──> {"id":…, "machine":…, "disks":[…], …}
//
// Names of fields are a contract: they are never changed or taken away, only joined by others. Times are RFC 3339 in UTC,
// sizes are bytes in fields named *_bytes, lists are never null.
package report
