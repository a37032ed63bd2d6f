package virtnbd

import (
	"encoding/json"
	"fmt"
	"time"

	"vbfs/index/format"
)

// maxMeta bounds the JSON at the head of a stream: real ones have some 400 bytes.
const maxMeta = 64 << 10

// meta is what a stream says of itself (virtnbdbackup, sparsestream/streamer.py, dumpMetadata).
type meta struct {
	Size        *int64          `json:"virtualSize"`
	Data        *int64          `json:"dataSize"` // bytes of all data frames, before compression
	Date        string          `json:"date"`     // local time of the host that made it, without its zone
	Disk        string          `json:"diskName"`
	Format      string          `json:"diskFormat"` // of the image that was read
	Checkpoint  string          `json:"checkpointName"`
	Parent      string          `json:"parentCheckpoint"`
	Incremental bool            `json:"incremental"`
	Compressed  json.RawMessage `json:"compressed"` // false, or a level
	Method      string          `json:"compressionMethod"`
	Version     int             `json:"streamVersion"`
	OldVersion  int             `json:"stream-version"` // of the first releases
}

func parseMeta(b []byte) (*meta, error) {
	m := new(meta)
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("%w: its metadata: %w", ErrDamaged, err)
	}
	switch v := max(m.Version, m.OldVersion); {
	case v < 1 || v > 2:
		return nil, fmt.Errorf("%w: a stream of version %d, which is not known", ErrDamaged, v)
	case m.Size == nil || *m.Size < 0 || *m.Size > format.MaxDisk:
		return nil, fmt.Errorf("%w: its metadata names no size that a disk has", ErrDamaged)
	case m.Data == nil || *m.Data < 0 || *m.Data > *m.Size:
		return nil, fmt.Errorf("%w: its metadata names no amount of data that fits the disk", ErrDamaged)
	case m.compressed() && m.Method != "lz4":
		return nil, fmt.Errorf("%w: it is compressed by %q, which is not known", ErrDamaged, m.Method)
	case m.Incremental && m.Parent == "":
		return nil, fmt.Errorf("%w: an increment that counts from no checkpoint", ErrDamaged)
	}
	return m, nil
}

// compressed: streams of version 2 say false, or the level, which may be 0.
func (m *meta) compressed() bool {
	c := string(m.Compressed)
	return max(m.Version, m.OldVersion) == 2 && c != "" && c != "false" && c != "null"
}

// local is the date as a clock on the wall of the host showed it, in UTC for want of its zone.
func (m *meta) local() (time.Time, bool) {
	t, err := time.Parse("2006-01-02T15:04:05.999999999", m.Date)
	return t, err == nil
}
