//! What SDKs are told.

choice! {
    /// Generation of the SDK contract that an environment enforces.
    ApiVersion {
        /// Gates also accept legacy MFA tokens.
        V20260101 = "2026_01_01",
        /// Gates accept elevated access tokens.
        V20260401 = "2026_04_01",
    }
}

settings! {
    /// What SDKs are told.
    Sdk {
        /// Which evidence gates accept; never whether any is needed.
        min_api_version: ApiVersion = ApiVersion::V20260401,
        /// Whether a user may hold several wallets.
        multi_wallet: bool = true,
        /// Refuses removing the last credential that can sign in.
        prevent_orphaned_accounts: bool = true,
        /// Refuses addresses such as `ann+tag@example.com`.
        block_email_subaddresses: bool = false,
        /// Whether moving a wallet between users must be confirmed.
        confirm_wallet_transfers: bool = true,
        /// Deep links that native apps may be sent back to.
        mobile_deeplink_urls: Vec<String> = Vec::new(),
    }
}
