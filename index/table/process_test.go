package table

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"vbfs/index/format"
)

// What the test binary does as a process of its own is told by variables.
const (
	workerDir   = "TABLE_TEST_DIR"
	workerSeed  = "TABLE_TEST_SEED"
	workerLimit = "TABLE_TEST_LIMIT" // of file sizes; then it only writes
)

func TestMain(m *testing.M) {
	dir := os.Getenv(workerDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	if err := worker(dir); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}

func worker(dir string) error {
	seed, _ := strconv.ParseUint(os.Getenv(workerSeed), 10, 64)
	limit, err := strconv.ParseUint(os.Getenv(workerLimit), 10, 64)
	if err != nil {
		return work(dir, seed)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
		return err
	}
	if _, err := Write(dir, newEntries(1, 300_000), nil); !errors.Is(err, unix.EFBIG) {
		return fmt.Errorf("write beyond the limit: %v", err)
	}
	_, err = Write(dir, newEntries(seed, 1000), nil)
	return err
}

// A file system that takes no more: an error, nothing left behind, and what fits is written.
func TestWriteFails(t *testing.T) {
	for _, limit := range []int{100_000, 3_000_000, 7_000_000} { // in the first transaction and in later ones
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), workerDir+"="+dir, workerSeed+"=2", workerLimit+"="+strconv.Itoa(limit))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("limit %d: %v\n%s", limit, err, out)
		}
		tab := open(t, dir)
		if len(tab.Segments()) != 1 || !has(tab, newEntries(2, 1000)[999]) {
			t.Fatalf("limit %d: %v", limit, tab.Segments())
		}
		checkNames(t, dir, tab.Segments()[0].Name)
	}
}

const (
	workRounds  = 12
	workEntries = 300
)

// work writes and merges, and finds all that it wrote, at any time.
func work(dir string, seed uint64) error {
	tab, err := Open(dir)
	if err != nil {
		return err
	}
	defer tab.Close()
	for round := range uint64(workRounds) {
		if _, err := Write(dir, newEntries(seed<<8|round, workEntries), nil); err != nil {
			return err
		}
		keep := Keep{}
		if round%8 == seed%8 { // some merges that wait for nobody
			keep.Address = func(format.Address) bool { return true }
		}
		if err := tab.Merge(context.Background(), keep); err != nil {
			return err
		}
		for r := range round + 1 {
			for _, e := range newEntries(seed<<8|r, workEntries) {
				if !has(tab, e) {
					return fmt.Errorf("entry of round %d is lost in round %d: %v", r, round, tab.Problems())
				}
			}
		}
	}
	return errors.Join(tab.Problems()...)
}

func TestManyProcesses(t *testing.T) {
	dir := t.TempDir()
	const processes, routines = 3, 3
	var wg sync.WaitGroup
	for i := range processes {
		wg.Go(func() {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), workerDir+"="+dir, workerSeed+"="+strconv.Itoa(i))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("process %d: %v\n%s", i, err, out)
			}
		})
	}
	for i := range routines {
		wg.Go(func() {
			if err := work(dir, uint64(processes+i)); err != nil {
				t.Errorf("goroutine %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	tab := open(t, dir)
	mergeAll(t, tab, Keep{Address: func(format.Address) bool { return true }})
	if n := tab.Segments()[0].Keys; len(tab.Segments()) != 1 || n != (processes+routines)*workRounds*workEntries {
		t.Errorf("%d segments, the first of %d keys", len(tab.Segments()), n)
	}
}
