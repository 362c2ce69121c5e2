"""The failure review packet: counts, failing rows whole, findings, provisional modes."""
