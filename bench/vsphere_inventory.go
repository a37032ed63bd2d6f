package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// Machines of an inventory, and what reading it may take.
const (
	inventorySize  = 5000
	inventoryTime  = 3 // seconds
	inventoryTrips = 20
)

func inventoryRows() []row {
	of := func(what, goal, unit string, bound float64, once bool, figure func(took float64, trips int) float64) row {
		return row{
			work: fmt.Sprintf("inventory of %d vSphere machines with their attributes, %s", inventorySize, what), goal: goal, unit: unit, bound: bound, once: once,
			start: func(ctx context.Context, l *lab) (contest, error) {
				i, err := l.inventory(ctx)
				if err != nil {
					return contest{}, err
				}
				return contest{
					ours: func(ctx context.Context) (float64, error) {
						took, trips, err := i.list(ctx)
						return figure(took, trips), err
					},
					close: i.close,
				}, nil
			},
		}
	}
	return []row{
		of("time", "<= 3 s", "s", inventoryTime, false, func(took float64, _ int) float64 { return took }),
		of("round trips", "<= 20", "", inventoryTrips, true, func(_ float64, trips int) float64 { return float64(trips) }),
	}
}

// An inventory is a vCenter with many machines, one in ten of which has an attribute that asks for backups.
type inventory struct {
	*vcenter
	asked int // machines with the attribute
}

const attribute = "BCK_FVM"

func (l *lab) inventory(ctx context.Context) (*inventory, error) {
	v, err := l.vcenter(1 << 20)
	if err != nil {
		return nil, err
	}
	i := &inventory{vcenter: v, asked: 1}
	err = caught(func() {
		v.m.SetAttribute(attribute, "1D")
		key, err := object.NewCustomFieldsManager(v.h.Client()).FindKey(ctx, attribute)
		if err != nil {
			v.end.Fatalf("%v", err)
		}
		v.m.Crowd(inventorySize-1, func(n int, vm *simulator.VirtualMachine) {
			if n%10 == 0 {
				i.asked++
				vm.CustomValue = []types.BaseCustomFieldValue{&types.CustomFieldStringValue{CustomFieldValue: types.CustomFieldValue{Key: key}, Value: "1D"}}
			}
		})
	})
	if err != nil {
		return nil, errors.Join(err, v.close())
	}
	return i, nil
}

// list has our program list all machines with their attributes, and sees that those that ask are there.
func (i *inventory) list(ctx context.Context) (took float64, trips int, err error) {
	i.h.ResetCounts()
	var out []byte
	took, err = seconds(func() (err error) {
		out, err = output(i.ours(ctx, i.l.scratch, "vsphere", "ls", "--json"))
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	found := 0
	lines(out, func(l string) {
		var m struct {
			Attributes map[string]string `json:"custom_attributes"`
		}
		if json.Unmarshal([]byte(l), &m) == nil && m.Attributes[attribute] == "1D" {
			found++
		}
	})
	if found != i.asked {
		return 0, 0, fmt.Errorf("%d machines ask for a backup, and %d are found", i.asked, found)
	}
	return took, i.h.Counts().RoundTrips, nil
}
