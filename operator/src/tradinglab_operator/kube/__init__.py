"""Kubernetes objects read and written as plain JSON documents."""
