package ghettovcb

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"vbfs/index/format"
)

// A folder's points are told by its machine's name and stamp, wherever it lay when it was imported.
func TestImported(t *testing.T) {
	whole, failed := []format.Disk{{State: format.DiskOK}}, []format.Disk{{State: format.DiskFailed}}
	point := func(name, from string, disks []format.Disk) *format.Manifest {
		return &format.Manifest{Name: name, Tags: []string{"a=b", tagFolder + from}, Disks: disks}
	}
	points := []*format.Manifest{
		point("packed", "/mnt/web/web-2026-11-01_20-03-27.gz", whole),
		point("half", "/mnt/web/web-2026-11-02_20-03-27", failed),
		point("again", "/mnt/web/web-2026-11-02_20-03-27", whole),
		point("here", "/a/web/web-2026-11-03_20-03-27", whole),
		point("there", "/b/web/web-2026-11-03_20-03-27", whole),
		point("only half", "/mnt/web/web-2026-11-04_ 8-03-27", failed),
		point("rotated", "/mnt/web/web-1", whole),
		{Name: "captured", Disks: whole},
	}
	for folder, want := range map[string]string{
		"/vmfs/volumes/nas 1/web/web-2026-11-01_20-03-27":    "packed",
		"/vmfs/volumes/nas 1/web/web-2026-11-02_20-03-27.gz": "again",
		"/x/web-2026-11-03_20-03-27":                         "here there",
		"/b/web/web-2026-11-03_20-03-27/":                    "there",
		"/x/web/web-2026-11-04_08-03-27":                     "only half",
		"/x/web/web-2026-11-05_20-03-27":                     "",
		"/x/other/other-2026-11-01_20-03-27":                 "",
	} {
		found, err := Imported(points, folder)
		var got []string
		for _, p := range found {
			got = append(got, p.Name)
		}
		if slices.Sort(got); err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %q, %v", folder, got, err)
		}
	}
	for _, folder := range []string{"/mnt/web/web-1", "/mnt/web/web", "/", "web/web-2026-13-01_20-03-27"} {
		if _, err := Imported(points, folder); !errors.Is(err, ErrNoInstant) {
			t.Errorf("%s: %v", folder, err)
		}
	}
}
