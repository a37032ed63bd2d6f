package index

import (
	"context"
	"fmt"

	"vbfs/index/format"
	"vbfs/index/object"
)

// A record is what a sealed object holds.
type record interface {
	Marshal() []byte
	Unmarshal([]byte) error
}

// put seals a record and stores it as the object called name.
func (r *Repository) put(ctx context.Context, k format.Kind, name string, v record) error {
	b, err := r.ring.Seal(k, name, v.Marshal())
	if err != nil {
		return err
	}
	return object.PutBytes(ctx, r.store, name, b)
}

// get reads the record that the object called name holds.
func (r *Repository) get(ctx context.Context, k format.Kind, name string, v record) error {
	b, err := object.GetAll(ctx, r.store, name, format.MaxSealed)
	if err != nil {
		return fmt.Errorf("read %v: %w", k, err)
	}
	body, err := r.ring.Open(k, name, b)
	if err == nil {
		err = v.Unmarshal(body)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
