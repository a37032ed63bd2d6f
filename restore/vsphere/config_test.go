package vsphere_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	hyper "vbfs/hyper/vsphere"
)

// mayDiffer are the parts of a configuration that are not what was recorded, of a machine that comes back where it was, with its IDs.
var mayDiffer = []string{
	"changeVersion", "modified", "createDate", // when it was changed
	"device/*/key", "device/*/controllerKey", "device/*/device/*", // the server's keys; the test goes by places
	"device/disk */backing/uuid", "device/disk */backing/contentId", // another disk
	"device/disk */backing/changeId", "device/disk */diskObjectId", // that is tracked from now on
}

// parts are all values of a configuration by their paths; devices go by their places.
func parts(t *testing.T, c *types.VirtualMachineConfigInfo) map[string]any {
	t.Helper()
	devices := c.Hardware.Device
	short := *c
	short.Hardware.Device, short.ExtraConfig = nil, nil
	all := map[string]any{}
	flatten(t, all, "", &short)
	for _, o := range c.ExtraConfig {
		all["extraConfig/"+o.GetOptionValue().Key] = o.GetOptionValue().Value
	}
	for _, d := range devices {
		flatten(t, all, "device/"+placeName(d, devices)+"/", d)
	}
	return all
}

// placeName is where a device is: the n-th of the cards, the controller with a number, or the unit of one.
func placeName(d types.BaseVirtualDevice, all []types.BaseVirtualDevice) string {
	class := reflect.TypeOf(d).Elem().Name()
	if c, ok := d.(types.BaseVirtualController); ok {
		return fmt.Sprintf("%s %d", class, c.GetVirtualController().BusNumber)
	}
	for _, disk := range hyper.Disks(all) {
		if disk.Key == d.GetVirtualDevice().Key {
			return "disk " + disk.Name
		}
	}
	n := 0
	for _, other := range all {
		if other == d {
			break
		}
		if reflect.TypeOf(other) == reflect.TypeOf(d) {
			n++
		}
	}
	return fmt.Sprintf("%s %d", class, n)
}

func flatten(t *testing.T, all map[string]any, at string, v any) {
	t.Helper()
	var b bytes.Buffer
	if err := types.NewJSONEncoder(&b).Encode(v); err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(b.Bytes(), &tree); err != nil {
		t.Fatal(err)
	}
	walkParts(all, strings.TrimSuffix(at, "/"), tree)
}

func walkParts(all map[string]any, at string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, v := range v {
			walkParts(all, strings.TrimPrefix(at+"/"+k, "/"), v)
		}
	case []any:
		for i, v := range v {
			walkParts(all, fmt.Sprintf("%s/%d", at, i), v)
		}
	default:
		all[at] = v
	}
}

// differences are those of two configurations, but for what may differ.
func differences(t *testing.T, was, is *types.VirtualMachineConfigInfo, may ...string) (out []string) {
	t.Helper()
	a, b := parts(t, was), parts(t, is)
	keys := maps.Clone(a)
	maps.Copy(keys, b)
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		allowed := func(pattern string) bool {
			ok, err := path.Match(pattern, k)
			return ok || err != nil || strings.HasPrefix(k, pattern+"/")
		}
		if !reflect.DeepEqual(a[k], b[k]) && !slices.ContainsFunc(append(slices.Clone(mayDiffer), may...), allowed) {
			out = append(out, fmt.Sprintf("%s was %v, is %v", k, a[k], b[k]))
		}
	}
	return out
}

// config is what the server tells of a machine.
func (l *newLab) config(ref hyper.Ref) *types.VirtualMachineConfigInfo {
	l.t.Helper()
	m, err := l.conn.Machine(l.t.Context(), ref)
	if err != nil {
		l.t.Fatal(err)
	}
	return m.Config
}
