<xsl:stylesheet xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0">
  <xsl:output omit-xml-declaration="yes" indent="yes" />
  <xsl:template match="/">
    <domain type="kvm">
      <name>stack-router-DIGEST</name>
      <memory unit="MiB">8</memory>
      <vcpu>1</vcpu>
      <os>
        <type arch="x86_64" machine="pc">hvm</type>
        <loader type="rom" readonly="yes">
          <xsl:value-of select="/domain/os/loader" />
        </loader>
        <kernel>
          <xsl:value-of select="/domain/os/kernel" />
        </kernel>
        <initrd>
          <xsl:value-of select="/domain/os/initrd" />
        </initrd>
      </os>
      <features>
        <apic />
        <vmport state="off" />
      </features>
      <cpu mode="host-passthrough">
        <feature policy="disable" name="arch-capabilities" />
      </cpu>
      <cputune>
        <vcpusched vcpus="0" scheduler="batch" />
        <emulatorsched scheduler="batch" />
      </cputune>
      <clock offset="utc">
        <timer name="hpet" present="no" />
      </clock>
      <on_poweroff>destroy</on_poweroff>
      <on_reboot>restart</on_reboot>
      <on_crash>restart</on_crash>
      <devices>
        <controller type="usb" model="none" />
        <interface type="network">
          <mac address="02:30:ef:d7:a0:cf" />
          <source network="stack-servers-124c7f6c7129" />
          <model type="virtio-non-transitional" />
          <rom enabled="no" />
          <link state="up" />
        </interface>
        <interface type="network">
          <mac address="02:7a:da:8e:39:55" />
          <source network="stack-transit-025fc481cac0" />
          <model type="virtio-non-transitional" />
          <rom enabled="no" />
          <link state="up" />
        </interface>
        <controller type="virtio-serial" index="0" model="virtio-non-transitional" ports="1" vectors="1" />
        <console type="pty">
          <log file="/var/log/topology/stack-router-DIGEST.log" append="off" />
          <target type="virtio" port="0" />
        </console>
        <memballoon model="none" />
        <panic model="isa" />
      </devices>
      <qemu:capabilities>
        <qemu:del capability="cpu-unavailable-features" />
      </qemu:capabilities>
    </domain>
  </xsl:template>
</xsl:stylesheet>
