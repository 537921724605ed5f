"""What the image of deployments/Dockerfile and deployments/compose.yaml consist of beside the project."""
