//! What SDKs are told about an environment.

use serde::Serialize;
use serde_json::{Value, json};
use stile_core::settings::{Kind, Settings};
use utoipa::ToSchema;

/// The public part of an environment's settings.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectSettings {
    /// `sandbox` or `live`.
    environment_name: &'static str,
    /// Chains for wallets; none.
    #[schema(value_type = Vec<Object>)]
    chains: Vec<Value>,
    /// Networks for wallets; none.
    #[schema(value_type = Vec<Object>)]
    networks: Vec<Value>,
    /// Profile fields to be filled; none.
    #[schema(value_type = Vec<Object>)]
    kyc: Vec<Value>,
    /// Styling; none.
    #[schema(value_type = Object)]
    design: Value,
    /// Names and support contacts.
    #[schema(value_type = Object)]
    general: Value,
    /// What is collected.
    #[schema(value_type = Object)]
    privacy: Value,
    /// Ways to sign in.
    #[schema(value_type = Vec<Object>)]
    providers: Vec<Value>,
    /// What SDKs do.
    #[schema(value_type = Object)]
    sdk: Value,
    /// Sessions, factors and their enforcement.
    #[schema(value_type = Object)]
    security: Value,
}

/// The public settings of an environment.
pub fn public_settings(kind: Kind, s: &Settings) -> ProjectSettings {
    let mut providers = vec![json!({ "provider": "emailOnly" })];
    let mut sections = vec![json!({ "type": "email" })];
    if s.passkeys.sign_in {
        providers.push(json!({ "provider": "passkey" }));
        sections.push(json!({ "type": "passkey" }));
    }
    let mfa = &s.security.mfa;
    ProjectSettings {
        environment_name: kind.as_str(),
        chains: Vec::new(),
        networks: Vec::new(),
        kyc: Vec::new(),
        design: json!({}),
        general: json!({
            "displayName": s.general.display_name,
            "supportEmail": s.general.support_email,
            "supportText": s.general.support_text,
            "appLogo": s.general.app_logo,
        }),
        privacy: json!({ "collectIp": false }),
        providers,
        sdk: json!({
            "minApiVersion": s.sdk.min_api_version,
            "emailSignIn": { "signInProvider": "dynamic" },
            "multiWallet": s.sdk.multi_wallet,
            "preventOrphanedAccounts": s.sdk.prevent_orphaned_accounts,
            "blockEmailSubaddresses": s.sdk.block_email_subaddresses,
            "confirmWalletTransfers": s.sdk.confirm_wallet_transfers,
            "mobile": { "deeplinkUrlsEnabled": !s.sdk.mobile_deeplink_urls.is_empty() },
            "views": [{ "type": "login", "sections": sections }],
        }),
        security: json!({
            "jwtDuration": s.security.jwt_duration,
            "auth": s.security.auth,
            "captcha": { "enabled": s.security.captcha.enabled },
            "hCaptcha": { "enabled": false },
            "externalAuth": { "enabled": s.security.external_auth.enabled },
            "deviceRegistrationRequired": s.security.device_registration_required,
            "environmentLocked": s.security.environment_locked,
            "notifications": s.security.notifications,
            "mfa": {
                "enabled": mfa.enabled,
                "required": mfa.required(),
                "enrollment": mfa.enrollment,
                "availableMethods": mfa.available_methods,
                "methods": mfa.methods,
                "actions": mfa.actions,
            },
        }),
    }
}
