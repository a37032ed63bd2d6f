package vsphere

import (
	"fmt"
	"slices"
	"strings"

	hyper "vbfs/hyper/vsphere"
)

func ofCompute(c *hyper.Compute) (name, path string) { return c.Name, c.Path }
func ofPool(p *hyper.Pool) (name, path string)       { return p.Name, p.Path }

// assign finds the pool that the machine is to be in, and whose it is.
func (n *newMachine) assign() (err error) {
	computes := where(n.site.Computes, func(c *hyper.Compute) bool { return n.inside(c.Path) })
	pools := where(n.site.Pools, func(p *hyper.Pool) bool { return n.inside(p.Path) })
	if n.o.Pool != "" {
		if n.pool, err = pick(choice{"resource pool", "--pool", n.o.Pool, "", ErrNoPlace}, pools, ofPool); err != nil {
			return err
		}
		computes = where(computes, func(c *hyper.Compute) bool { return c.Ref == n.pool.Compute })
	}
	if n.compute, err = n.chooseCompute(computes); err != nil || n.pool != nil {
		return err
	}
	for i := range pools {
		p := &pools[i]
		if p.Compute == n.compute.Ref && (p.Path == n.was.Pool || n.pool == nil && p.Ref == n.compute.Pool) {
			n.pool = p
		}
	}
	if n.pool == nil {
		return fmt.Errorf("%w: the account may not see a resource pool of %s", ErrNoPlace, n.compute.Name)
	}
	if n.was.Pool != "" && n.pool.Path != n.was.Pool {
		n.note("it is in the resource pool %s, and was in %s", n.pool.Path, n.was.Pool)
	}
	return nil
}

// chooseCompute finds the cluster, or the host that stands alone.
func (n *newMachine) chooseCompute(all []hyper.Compute) (*hyper.Compute, error) {
	if n.o.Host != "" {
		hosts := where(n.site.Hosts, func(h *hyper.Host) bool {
			return slices.ContainsFunc(all, func(c hyper.Compute) bool { return c.Ref == h.Compute })
		})
		host, err := pick(choice{"host", "--host", n.o.Host, "", ErrNoPlace}, hosts, ofHost)
		if err != nil {
			return nil, err
		}
		all = where(all, func(c *hyper.Compute) bool { return c.Ref == host.Compute })
	}
	return pick(choice{"cluster or host", "--cluster", n.o.Cluster, n.wasCompute(), ErrNoPlace}, all, ofCompute)
}

func ofHost(h *hyper.Host) (name, path string) { return h.Name, "" }

// wasCompute is whose the recorded pool was, if that is there, else what the recorded host is part of now.
func (n *newMachine) wasCompute() string {
	of, _, _ := strings.Cut(n.was.Pool, "/Resources")
	if of != "" && len(named(of, n.site.Computes, ofCompute)) == 1 {
		return of
	}
	for _, h := range n.site.Hosts {
		for _, c := range n.site.Computes {
			if h.Name == n.was.Host && h.Compute == c.Ref && n.inside(c.Path) {
				return c.Path
			}
		}
	}
	return of
}

// settleHost finds a host that has all that the machine needs: the one that was named, or the recorded one, if it can be.
func (n *newMachine) settleHost() error {
	hosts := where(n.site.Hosts, func(h *hyper.Host) bool { return h.Compute == n.compute.Ref && (n.o.Host == "" || h.Name == n.o.Host) })
	slices.SortStableFunc(hosts, func(a, b hyper.Host) int {
		if a.Name == n.was.Host {
			return -1
		}
		if b.Name == n.was.Host {
			return 1
		}
		return 0
	})
	var why []string
	for i := range hosts {
		lacks := n.lacks(&hosts[i])
		if lacks == "" {
			n.host = &hosts[i]
			return nil
		}
		why = append(why, hosts[i].Name+" "+lacks)
	}
	return fmt.Errorf("%w: no host of %s can have it: %s", ErrNoPlace, n.compute.Name, strings.Join(why, "; "))
}

// lacks says why a host cannot have the machine.
func (n *newMachine) lacks(h *hyper.Host) string {
	if !h.Usable {
		return "is not connected, or in maintenance"
	}
	for _, d := range n.stores {
		if !slices.Contains(h.Datastores, d.Ref) {
			return "has no datastore " + d.Name
		}
	}
	if !slices.Contains(h.Datastores, n.home.Ref) {
		return "has no datastore " + n.home.Name
	}
	for _, p := range n.networks {
		if p.network != nil && !slices.Contains(h.Networks, p.network.Ref) {
			return "has no network " + p.network.Name
		}
	}
	return ""
}
