package spec

import (
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

// settings carries over all that is no device.
func (p *Plan) settings() {
	s := p.info.ToConfigSpec()
	s.DeviceChange, s.ExtraConfig = nil, nil
	s.Name, s.Uuid, s.InstanceUuid = p.wish.Name, p.wish.UUID, p.wish.Instance
	s.Files = &types.VirtualMachineFileInfo{VmPathName: p.wish.Files}
	s.TdxEnabled, s.SevSnpEnabled = p.info.TdxEnabled, p.info.SevSnpEnabled
	p.Tracking = s.ChangeTrackingEnabled != nil && *s.ChangeTrackingEnabled
	s.ChangeTrackingEnabled = nil
	own(&s)
	s.BootOptions = p.boot()
	s.Tools = p.tools()
	p.without(&s)
	p.Spec = s
}

// own takes out what only the recorded machine can have, or what the server finds out itself.
func own(s *types.VirtualMachineConfigSpec) {
	s.ChangeVersion, s.CreateDate, s.LocationId = "", nil, ""
	s.NpivNodeWorldWideName, s.NpivPortWorldWideName, s.NpivWorldWideNameType = nil, nil, ""
	s.NpivDesiredNodeWwns, s.NpivDesiredPortWwns, s.NpivTemporaryDisabled, s.NpivOnNonRdmDisks = 0, 0, nil, nil
	s.DeviceSwap, s.ScheduledHardwareUpgradeInfo, s.GuestMonitoringModeInfo = nil, scheduled(s.ScheduledHardwareUpgradeInfo), nil
	s.RepConfig, s.FtInfo, s.DeviceGroups, s.MetroFtEnabled, s.MetroFtHostGroup = nil, nil, nil, nil, ""
	if s.Flags != nil {
		flags := *s.Flags
		flags.FaultToleranceType = ""
		s.Flags = &flags
	}
}

// scheduled is what was asked for, without what came of it.
func scheduled(i *types.ScheduledHardwareUpgradeInfo) *types.ScheduledHardwareUpgradeInfo {
	if i == nil {
		return nil
	}
	return &types.ScheduledHardwareUpgradeInfo{UpgradePolicy: i.UpgradePolicy, VersionKey: i.VersionKey}
}

// boot is how the machine starts; the order of its devices comes when they are there.
func (p *Plan) boot() *types.VirtualMachineBootOptions {
	if p.info.BootOptions == nil {
		return nil
	}
	b := *p.info.BootOptions
	b.BootOrder = nil
	return &b
}

// tools are the settings of VMware Tools, without what was seen of them.
func (p *Plan) tools() *types.ToolsConfigInfo {
	if p.info.Tools == nil {
		return nil
	}
	t := *p.info.Tools
	t.ToolsVersion, t.ToolsInstallType, t.PendingCustomization, t.CustomizationKeyId, t.LastInstallInfo = 0, "", "", nil, nil
	return &t
}

// without notes what is not carried over, and would be missed.
func (p *Plan) without(s *types.VirtualMachineConfigSpec) {
	c := p.info
	if c.KeyId != nil {
		p.note("it was encrypted, and is restored in the clear, until it is encrypted again")
	}
	if c.FtInfo != nil {
		p.note("fault tolerance is off until it is switched on again")
	}
	if c.RepConfig != nil {
		p.note("its replication by vSphere is to be set up again")
	}
	if len(c.NpivNodeWorldWideName) > 0 || len(c.NpivPortWorldWideName) > 0 {
		p.note("its Fibre Channel world wide names (NPIV) are not carried over: they may be in use")
	}
	if c.DeviceGroups != nil {
		p.note("its groups of vendors' devices are left out, as these are")
	}
	if s.ManagedBy != nil && p.wish.Fresh {
		p.note("it is not managed by %s, as the recorded machine is", s.ManagedBy.ExtensionKey)
		s.ManagedBy = nil
	}
	for _, dir := range []string{c.Files.SnapshotDirectory, c.Files.SuspendDirectory, c.Files.LogDirectory} {
		if home := c.Files.VmPathName[:strings.LastIndex(c.Files.VmPathName, "/")+1]; dir != "" && strings.TrimSuffix(dir, "/")+"/" != home {
			p.note("files that lay in %s lie with the machine", dir)
		}
	}
}
