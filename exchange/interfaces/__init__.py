"""Interface resources (接口): attached by their provider, called through the hub under grants, tested, suspended."""
