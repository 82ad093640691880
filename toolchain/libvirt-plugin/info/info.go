// Package info maps the Terraform provider for libvirt to Pulumi, as the published plugin does.
package info

import (
	"github.com/dmacvicar/terraform-provider-libvirt/libvirt"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
)

// Name is the Pulumi package's, as the Python SDK asks for it.
const Name = "libvirt"

// The longest name that is made up for a resource: what the published plugin allows.
const longestName = 255

// Version is the Python SDK's, set by the linker.
var Version = "0.0.0"

// Provider is the mapping: names follow the published SDK's, which its tokens fix.
func Provider() tfbridge.ProviderInfo {
	provider := tfbridge.ProviderInfo{
		P:         shim.NewProvider(libvirt.Provider()),
		Name:      Name,
		Version:   Version,
		GitHubOrg: "dmacvicar",
		Config: map[string]*tfbridge.SchemaInfo{
			"uri": {Default: &tfbridge.DefaultInfo{EnvVars: []string{"LIBVIRT_DEFAULT_URI"}}},
		},
		Resources: map[string]*tfbridge.ResourceInfo{
			// The computed token would be Cloudinit, which is not the published one.
			"libvirt_cloudinit_disk": {Tok: "libvirt:index/cloudInitDisk:CloudInitDisk"},
		},
		MetadataInfo: tfbridge.NewProviderMetadata([]byte("{}")),
	}
	provider.MustComputeTokens(
		tokens.SingleModule("libvirt_", "index", tokens.MakeStandard(Name)),
	)
	provider.SetAutonaming(longestName, "-")
	return provider
}
