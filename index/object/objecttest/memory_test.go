package objecttest_test

import (
	"testing"

	"vbfs/index/object"
	"vbfs/index/object/objecttest"
)

func TestMemory(t *testing.T) {
	objecttest.Test(t, func(*testing.T) object.Store { return objecttest.NewMemory() })
}
