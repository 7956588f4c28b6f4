"""The certificate fuzz: thousands of small problems, each judged by arithmetic of many digits. See CONTRIBUTING.md."""
