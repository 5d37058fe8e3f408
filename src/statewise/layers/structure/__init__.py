"""Layers that read trees and graphs."""
