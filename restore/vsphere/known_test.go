package vsphere

import (
	"context"
	"errors"
	"testing"
	"time"
)

// What is old is asked for again, and what could not be had, too.
func TestKnown(t *testing.T) {
	t.Parallel()
	var k known[int]
	asked, failed := 0, errors.New("no answer")
	ask := func(err error) (int, error) {
		return k.get(t.Context(), func(context.Context) (int, error) { asked++; return asked, err })
	}
	if _, err := ask(failed); err == nil {
		t.Error("no error")
	}
	for _, want := range []int{2, 2} {
		if got, err := ask(nil); err != nil || got != want {
			t.Errorf("%d, %v", got, err)
		}
	}
	k.at = k.at.Add(-freshTime - time.Second)
	if got, _ := ask(nil); got != 3 {
		t.Errorf("%d is old", got)
	}
	if k.forget(); k.at != (time.Time{}) {
		t.Error("it is not forgotten")
	}
}
