package main

import "testing"

func TestParseSource(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]source{
		"/x/web01.raw":                    {path: "/x/web01.raw"},
		"file:/x/web01.raw":               {path: "/x/web01.raw"},
		"vda=/x/web01.raw":                {disk: "vda", path: "/x/web01.raw"},
		"./a=b.raw":                       {path: "./a=b.raw"},
		"vda=file:a=b":                    {disk: "vda", path: "a=b"},
		"c:x.raw":                         {path: "c:x.raw"},
		"nbd://host/web01":                {uri: "nbd://host/web01"},
		"vda=nbd+unix:///e?socket=/tmp/s": {disk: "vda", uri: "nbd+unix:///e?socket=/tmp/s"},
	} {
		if got, err := parseSource(arg); err != nil || got != want {
			t.Errorf("%q: %+v, %v", arg, got, err)
		}
	}
}

func TestMachineNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ arg, want string }{
		{"/x/web01.raw", "web01"}, {"web.01.qcow2", "web.01"}, {"/dev/sdb", "sdb"}, {"nbd://host/web01", "web01"},
	} {
		s, err := parseSource(c.arg)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.machine(); err != nil || got != c.want {
			t.Errorf("%q: %q, %v", c.arg, got, err)
		}
	}
	if _, err := (source{path: "/x/.raw"}).machine(); err == nil {
		t.Error("a machine without a name")
	}
}
