package bill

import (
	"strings"
	"testing"
)

// TestClassify has a row of every kind, in the forms in which exports write them.
func TestClassify(t *testing.T) {
	for _, c := range []struct {
		row  Row
		want string
	}{
		// AWS, by usage type.
		{Row{Provider: "aws", Region: "us-east-1", UsageType: "DataTransfer-Out-Bytes"}, "aws:us-east-1 internet"},
		{Row{Provider: "aws", UsageType: "USE1-DataTransfer-Out-Bytes"}, "aws:us-east-1 internet"},
		{Row{Provider: "aws", UsageType: "EU-DataTransfer-Out-Bytes"}, "aws:eu-west-1 internet"},
		{Row{Provider: "aws", UsageType: "DataTransfer-Out-Bytes"}, "aws:us-east-1 internet"},
		{Row{Provider: "aws", Region: "us-west-2", UsageType: "USW2-EUW1-AWS-Out-Bytes"}, "aws:us-west-2 inter-region to eu-west-1"},
		{Row{Provider: "aws", UsageType: "USE1-APS3-AWS-Out-Bytes"}, "aws:us-east-1 inter-region to ap-south-1"},
		{Row{Provider: "aws", Region: "us-west-2", UsageType: "USW2-EUW1-AWS-In-Bytes"}, "aws:us-west-2 inbound"},
		{Row{Provider: "aws", Region: "us-west-2", UsageType: "USW2-DataTransfer-In-Bytes"}, "aws:us-west-2 inbound"},
		{Row{Provider: "aws", Region: "us-west-2", UsageType: "USW2-DataTransfer-Regional-Bytes"}, "aws:us-west-2 inter-zone"},
		{Row{Provider: "aws", Region: "us-west-2", UsageType: "USW2-CloudFront-Out-Bytes"}, "aws:us-west-2 to-cdn"},
		{Row{Provider: "aws", Region: "us-east-1", UsageType: "US-DataTransfer-Out-Bytes", Service: "Amazon CloudFront"}, "aws:us-east-1 cdn"},
		{Row{Provider: "aws", Region: "us-east-1", UsageType: "USE1-USW2-AWS-Out-ABytes"}, "aws:us-east-1 acceleration"},
		{Row{Provider: "aws", Region: "us-east-1", UsageType: "USE1-DataXfer-Out:dc.3"}, "aws:us-east-1 interconnect"},
		{Row{Provider: "aws", Region: "us-east-1", UsageType: "USE1-NatGateway-Bytes"}, "aws:us-east-1 gateway"},
		{Row{Provider: "aws", Region: "us-east-1", UsageType: "USE1-VpcEndpoint-Bytes"}, "aws:us-east-1 gateway"},
		{Row{Provider: "aws", Region: "us-east-1", UsageType: "USE1-Requests-Tier1"}, "aws:us-east-1 requests"},
		{Row{Provider: "aws", Region: "us-east-1", UsageType: "USE1-Retrieval-SIA"}, "aws:us-east-1 retrieval"},
		{Row{Provider: "aws", Region: "us-east-1", UsageType: "USE1-TimedStorage-ByteHrs"}, "aws:us-east-1 other"},
		// AWS, by the wording alone, as in the public sample.
		{aws("us-west-2", "$0.090 per GB - first 10 TB / month data transfer out beyond the global free tier"), "aws:us-west-2 internet"},
		{aws("us-west-2", "$0.085 per GB - next 40 TB / month data transfer out"), "aws:us-west-2 internet"},
		{aws("sa-east-1", "$0.000 per GB - data transfer out under the monthly global free tier"), "aws:sa-east-1 internet"},
		{aws("eu-north-1", "USD 0.09 per GB for DataTransfer-Out-Bytes in EU (Stockholm)"), "aws:eu-north-1 internet"},
		{aws("us-west-2", "$0.02 per GB - US West (Oregon) data transfer to EU (Ireland)"), "aws:us-west-2 inter-region to eu-west-1"},
		{aws("af-south-1", "USD 0.147 per GB for USE1-AWS-Out-Bytes in Africa (Cape Town)"), "aws:af-south-1 inter-region to us-east-1"},
		{aws("us-west-2", "$0.00 per GB - US West (Oregon) data transfer from EU (Ireland)"), "aws:us-west-2 inbound"},
		{aws("eu-north-1", "USD 0.0 per GB for USE2-AWS-In-Bytes in EU (Stockholm)"), "aws:eu-north-1 inbound"},
		{aws("us-west-2", "$0.000 per GB - data transfer in per month"), "aws:us-west-2 inbound"},
		{aws("us-west-2", "$0.00 per GB data transfer in to US West (Oregon) from CloudFront"), "aws:us-west-2 inbound"},
		{aws("us-east-1", "$0.00 per GB data transfer out of US East (Northern Virginia) to CloudFront"), "aws:us-east-1 to-cdn"},
		{aws("us-west-2", "$0.010 per GB - regional data transfer - in/out/between EC2 AZs or using elastic IPs or ELB"), "aws:us-west-2 inter-zone"},
		{aws("us-west-2", "$0.045 per GB Data Processed by NAT Gateways"), "aws:us-west-2 gateway"},
		{aws("us-west-2", "$0.005 per 1,000 PUT, COPY, POST, or LIST requests"), "aws:us-west-2 requests"},
		{Row{Provider: "aws", Region: "me-south-1", Service: "Amazon CloudFront", Description: "$0.110 per GB - first 10 TB / month data transfer out"}, "aws:me-south-1 cdn"},

		// Azure: the service on an egress row is whoever used it.
		{azure("1010107", "Rtn Preference: MGN - Standard Data Transfer Out"), "azure:eastus internet"},
		{azure("", "Rtn Preference: MGN - Standard Data Transfer Out"), "azure:eastus internet"},
		{azure("", "Bandwidth - Routing Preference: Internet - Standard Data Transfer Out"), "azure:eastus internet"},
		{azure("616169332", "Bandwidth Inter-Region - Intra Continent Data Transfer Out - North America"), "azure:eastus inter-region"},
		{azure("", "Rtn Preference: MGN - Standard Inter-Region Data Transfer"), "azure:eastus inter-region"},
		{Row{Provider: "azure", Region: "eastus", MeterID: "9995D93A-7d35-4d3f-9c69-7a7fea447ef4"}, "azure:eastus internet"},
		{Row{Provider: "azure", Region: "eastus", MeterText: "Rtn Preference: MGN - Standard Data Transfer Out"}, "azure:eastus internet"},
		{azure("", "Rtn Preference: MGN - Standard Data Transfer In"), "azure:eastus inbound"},
		{azure("", "Inter Availability Zone - Inter Availability Zone Data Transfer Out"), "azure:eastus inter-zone"},
		{azure("", "ExpressRoute - Metered Data - Data Transfer Out"), "azure:eastus interconnect"},
		{azure("", "Azure Front Door Service - Standard Data Transfer Out"), "azure:eastus cdn"},
		{azure("", "Content Delivery Network - Standard Data Transfer"), "azure:eastus cdn"},
		{azure("", "Load Balancer - Standard Data Processed"), "azure:eastus gateway"},
		{azure("", "Virtual Network Peering - Intra-Region Egress"), "azure:eastus gateway"},
		{azure("", "Storage - Bandwidth - Geo-Replication v2 Data Transfer"), "azure:eastus replication"},
		{azure("", "Tiered Block Blob - Hot LRS - Write Operations - US West"), "azure:eastus requests"},
		{azure("", "Tiered Block Blob - Cool - Data Retrieval"), "azure:eastus retrieval"},
		{azure("", "Tiered Block Blob - Hot LRS - Data Stored - US West"), "azure:eastus other"},

		// Google: its meters are over all regions.
		{gcp("22EB-AAE8-FBCD", ""), "gcp internet"},
		{gcp("8878-37D4-D2AC", ""), "gcp inter-region"},
		{gcp("", "Download Worldwide Destinations (excluding Asia & Australia)"), "gcp internet"},
		{gcp("", "Network Internet Data Transfer Out from Iowa to Frankfurt"), "gcp internet"},
		{gcp("", "Network Internet Egress from Americas to EMEA"), "gcp internet"},
		{gcp("", "Network Data Transfer GCP Inter Region within Northern America"), "gcp inter-region"},
		{gcp("", "Network Data Transfer GCP Replication within Europe"), "gcp:us-central1 replication"},
		{gcp("", "Network Inter Zone Data Transfer Out"), "gcp:us-central1 inter-zone"},
		{gcp("", "Network Internet Ingress from EMEA to Americas"), "gcp:us-central1 inbound"},
		{gcp("", "Interconnect Data Transfer Out - Northern America"), "gcp interconnect"},
		{gcp("", "Networking Cloud CDN Data Transfer Out North America"), "gcp:us-central1 cdn"},
		{gcp("", "Networking Cloud NAT Data Processing"), "gcp:us-central1 gateway"},
		{gcp("", "Regional Standard Class A Operations"), "gcp:us-central1 requests"},
		{gcp("", "Coldline Data Retrieval"), "gcp:us-central1 retrieval"},
		{gcp("", "Standard Storage US Regional"), "gcp:us-central1 other"},

		{Row{Provider: "oracle", Region: "us-sanjose-1", Sku: "B88327", Service: "NETWORK"}, "oracle:us-sanjose-1 internet"},
		{Row{Provider: "backblaze", Description: "data transfer out"}, "backblaze other"},
	} {
		if got := Classify(c.row).String(); got != c.want {
			t.Errorf("%+v is %q, want %q", c.row, got, c.want)
		}
	}
}

func aws(region, description string) Row {
	return Row{Provider: "aws", Region: region, Description: description, Service: "Elastic Load Balancing"}
}

func azure(sku, description string) Row {
	return Row{Provider: "azure", Region: "eastus", Sku: sku, Description: description, Service: "Azure Machine Learning"}
}

func gcp(sku, description string) Row {
	return Row{Provider: "gcp", Region: "us-central1", Sku: sku, Description: description, Service: "Cloud Storage"}
}

// TestRulesAreReached: a rule that no row can reach, because an earlier one takes all that it could match, is a mistake. Each pattern, with
// its stars left out, must be decided as it says.
func TestRulesAreReached(t *testing.T) {
	for _, r := range rules {
		text := strings.ReplaceAll(r.pattern, "*", " ")
		row := Row{Provider: r.provider}
		switch r.field {
		case bySku:
			row.Sku = r.pattern
		case byMeterID:
			row.MeterID = r.pattern
		case byUsageType:
			row.UsageType = strings.ReplaceAll(r.pattern, "*", "")
		case byService:
			row.Service = text
		case byMeterText:
			row.MeterText = text
			if !strings.HasPrefix(r.pattern, "*") {
				row.MeterText = text + "x"
			}
			if !strings.Contains(r.pattern, "*") {
				row.MeterText = r.pattern
			}
		case byDescription:
			row.Description = "$0" + text
		}
		if got := Classify(row).Kind; got != r.kind {
			t.Errorf("rule %q of %s is for %s, but such a row is %s", r.pattern, r.provider, r.kind, got)
		}
	}
}

func TestMeterOf(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"azure:eastus", "aws:us-east-1", "azure:eastus internet"},
		{"azure:eastus", "azure:westus", "azure:eastus inter-region"},
		{"aws:us-west-2", "aws:eu-west-1", "aws:us-west-2 inter-region to eu-west-1"},
		{"aws:us-west-2", "onprem:lab1", "aws:us-west-2 internet"},
		{"gcp:us-central1", "azure:eastus", "gcp internet"},
		{"gcp:us-central1", "gcp:europe-west4", "gcp inter-region"},
		{"onprem:lab1", "aws:us-east-1", ""},
		{"azure:eastus", "azure:eastus", ""},
	} {
		m, ok := MeterOfHop(c.from, c.to)
		if ok != (c.want != "") || ok && m.String() != c.want {
			t.Errorf("%s to %s is %q, %v; want %q", c.from, c.to, m, ok, c.want)
		}
	}
}
