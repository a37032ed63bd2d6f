// Package libvirt captures machines that libvirt runs, has paused or knows as shut off.
package libvirt
