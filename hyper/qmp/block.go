package qmp

import "context"

// A Block is a device of the machine that can hold a medium: QAPI, block-core.json, BlockInfo.
type Block struct {
	Drive     string `json:"device"` // name of its -drive, or empty
	Device    string `json:"qdev"`   // id, or path in QEMU's tree of objects; empty: attached to none
	Removable bool   `json:"removable"`
	Medium    *Node  `json:"inserted"` // nil: none
}

// A Node is an image, or a filter over one: QAPI, block-core.json, BlockDeviceInfo.
type Node struct {
	Name     string   `json:"node-name"` // at most 31 characters; one that QEMU made up begins with #
	Driver   string   `json:"drv"`
	File     string   `json:"file"` // a path, a URI, or json: and options
	ReadOnly bool     `json:"ro"`
	Image    Image    `json:"image"`
	Bitmaps  []Bitmap `json:"dirty-bitmaps"`
}

// An Image is what a node presents: QAPI, block-core.json, ImageInfo.
type Image struct {
	Size      int64 `json:"virtual-size"` // bytes
	Snapshots []struct {
		Name string `json:"name"`
	} `json:"snapshots"` // inside the image
	Specific struct {
		Data struct {
			Compat string `json:"compat"` // of a qcow2; from 1.1 on it can hold bitmaps
		} `json:"data"`
	} `json:"format-specific"`
}

// A Bitmap notes which parts of a node are written: QAPI, block-core.json, BlockDirtyInfo, and docs/interop/bitmaps.rst.
type Bitmap struct {
	Name         string `json:"name"`
	Recording    bool   `json:"recording"`    // notes writes: enabled, or frozen by what notes them in its place
	Busy         bool   `json:"busy"`         // used by a job or an export
	Persistent   bool   `json:"persistent"`   // is, or will be, in the image
	Inconsistent bool   `json:"inconsistent"` // in the image, but not since it was written to last
	Count        int64  `json:"count"`        // bytes that it calls written
}

// A Job is work of QEMU's on nodes: QAPI, job.json, JobInfo.
type Job struct {
	ID     string `json:"id"`
	Status string `json:"status"` // concluded: it has ended, and waits to be dismissed
	Error  string `json:"error"`  // empty: none
}

// An Export makes a node seen by others: QAPI, block-export.json, BlockExportInfo.
type Export struct {
	ID   string `json:"id"`
	Type string `json:"type"` // nbd, vhost-user-blk, fuse, …
	Node string `json:"node-name"`
}

// Blocks lists the machine's devices.
func (c *Client) Blocks(ctx context.Context) (blocks []Block, err error) {
	err = c.Do(ctx, "query-block", nil, &blocks)
	return blocks, err
}

// Nodes lists all nodes, those below others too.
func (c *Client) Nodes(ctx context.Context) (nodes []Node, err error) {
	err = c.Do(ctx, "query-named-block-nodes", Args{"flat": true}, &nodes)
	return nodes, err
}

// Jobs lists the jobs.
func (c *Client) Jobs(ctx context.Context) (jobs []Job, err error) {
	err = c.Do(ctx, "query-jobs", nil, &jobs)
	return jobs, err
}

// Exports lists the exports.
func (c *Client) Exports(ctx context.Context) (exports []Export, err error) {
	err = c.Do(ctx, "query-block-exports", nil, &exports)
	return exports, err
}
