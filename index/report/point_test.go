package report_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"vbfs/index/format"
	"vbfs/index/report"
)

// The golden text is the contract with scripts.
func TestJSON(t *testing.T) {
	zone := time.FixedZone("CET", 3600)
	m := &format.Manifest{
		Point: format.UUID{0x1f, 0x2e}, MachineName: "web01", Name: "2026-11-20T20-03-27Z",
		Time: time.Date(2026, 11, 20, 21, 3, 27, 0, zone), Done: "inc", Consistency: "filesystem", Tags: []string{"env=prod"},
		Anomaly: "changed 62 %",
		Disks: []format.Disk{
			{Name: "vda", State: format.DiskOK, Size: 5, Read: 4, Changed: 3, New: 2, Stored: 1, Audited: 6, Fallback: "no bitmap"},
			{Name: "vdb", State: format.DiskFailed, Reason: "input/output error"},
		},
	}
	const want = `{
  "id": "1f2e0000000000000000000000000000",
  "machine": "web01",
  "name": "2026-11-20T20-03-27Z",
  "time": "2026-11-20T20:03:27Z",
  "level": "inc",
  "consistency": "filesystem",
  "complete": false,
  "tags": [
    "env=prod"
  ],
  "disks": [
    {
      "name": "vda",
      "state": "ok",
      "size_bytes": 5,
      "read_bytes": 4,
      "changed_bytes": 3,
      "new_bytes": 2,
      "stored_bytes": 1,
      "audited_bytes": 6,
      "fallback": "no bitmap"
    },
    {
      "name": "vdb",
      "state": "failed",
      "reason": "input/output error",
      "size_bytes": 0,
      "read_bytes": 0,
      "changed_bytes": 0,
      "new_bytes": 0,
      "stored_bytes": 0,
      "audited_bytes": 0,
      "fallback": ""
    }
  ],
  "warnings": [],
  "anomaly": "changed 62 %"
}`
	const noted = `,
  "verified_at": "2026-11-20T20:03:27Z",
  "protected": true,
  "damaged": "vda at 65536",
  "anomaly_accepted": true
}`
	facts := format.Facts{Protected: true, Damaged: "vda at 65536", Accepted: true}
	for want, p := range map[string]report.Point{
		want: report.Of(m), strings.TrimSuffix(want, "\n}") + noted: report.Of(m).With(facts, m.Time.UTC()),
	} {
		got, err := json.MarshalIndent(p, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("got\n%s", got)
		}
	}
	got, err := json.Marshal(report.Of(m).With(facts, time.Time{}))
	if err != nil || !strings.Contains(string(got), `"verified_at":null`) {
		t.Errorf("not verified: %s, %v", got, err)
	}
	var back report.Point
	if err := json.Unmarshal(got, &back); err != nil || !back.VerifiedAt.IsZero() {
		t.Errorf("comes back as %v, %v", back.VerifiedAt, err)
	}
}
