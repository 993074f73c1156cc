//! Names for well-known authenticators, to label a passkey in a list. Without attestation an AAGUID is a claim,
//! so a name is a hint for the user and never a ground for a decision.

/// The name of the authenticator or password manager with this AAGUID, if it is a well-known one.
pub fn aaguid_name(aaguid: &[u8; 16]) -> Option<&'static str> {
    let wanted = u128::from_be_bytes(*aaguid);
    NAMES.iter().find(|(known, _)| *known == wanted).map(|(_, name)| *name)
}

// Facts from the community list passkeydeveloper/passkey-authenticator-aaguids and FIDO MDS.
const NAMES: &[(u128, &str)] = &[
    (0xfbfc3007_154e_4ecc_8c0b_6e020557d7bd, "iCloud Keychain"),
    (0xdd4ec289_e01d_41c9_bb89_70fa845d4bf2, "iCloud Keychain (Managed)"),
    (0xea9b8d66_4d01_1d21_3ce4_b6b48cb575d4, "Google Password Manager"),
    (0xadce0002_35bc_c60a_648b_0b25f1f05503, "Chrome on Mac"),
    (0xb5397666_4885_aa6b_cebf_e52262a439a2, "Chromium Browser"),
    (0x771b48fd_d3d4_4f74_9232_fc157ab0507a, "Edge on Mac"),
    (0x08987058_cadc_4b81_b6e1_30de50dcbe96, "Windows Hello"),
    (0x9ddd1817_af5a_4672_a2b9_3e3dd95000a9, "Windows Hello"),
    (0x6028b017_b1d4_4c02_b4b3_afcdafc96bb2, "Windows Hello"),
    (0x53414d53_554e_4700_0000_000000000000, "Samsung Pass"),
    (0xbada5566_a7aa_401f_bd96_45619a55120d, "1Password"),
    (0xd548826e_79b4_db40_a3d8_11116f7e8349, "Bitwarden"),
    (0x531126d6_e717_415c_9320_3d9aa6981239, "Dashlane"),
    (0x50726f74_6f6e_5061_7373_50726f746f6e, "Proton Pass"),
    (0xb84e4048_15dc_4dd0_8640_f4f60813c8af, "NordPass"),
    (0x0ea242b4_43c4_4a1b_8b17_dd6d0b6baec6, "Keeper"),
    (0xf3809540_7f14_49c1_a8b3_8f813b225541, "Enpass"),
    (0xfdb141b2_5d84_443e_8a35_4698c205a502, "KeePassXC"),
    (0xeaecdef2_1c31_5634_8639_f1cbd9c00a08, "KeePassDX"),
    (0xb78a0a55_6ef8_d246_a042_ba0f6d55050c, "LastPass"),
    (0x42b4fb4a_2866_43b2_9bf7_6c6669c2e5d3, "Google Titan Security Key v2"),
    (0x90636e1f_ef82_43bf_bdcf_5255f139d12f, "YubiKey Bio Series - Multi-protocol Edition"),
    (0xc5ef55ff_ad9a_4b9f_b580_adebafe026d0, "YubiKey 5 Series with Lightning"),
    (0xfa2b99dc_9e39_4257_8f92_4a30d23c4118, "YubiKey 5 Series with NFC"),
    (0x47ab2fb4_66ac_4184_9ae1_86be814012d5, "Security Key NFC by Yubico - Enterprise Edition"),
    (0xb7d3f68e_88a6_471e_9ecf_2df26d041ede, "Security Key NFC by Yubico"),
    (0xa4e9fc6d_4cbe_4758_b8ba_37598bb5bbaa, "Security Key NFC by Yubico"),
    (0x73bb0cd4_e502_49b8_9c6f_b59445bf720b, "YubiKey 5 FIPS Series"),
    (0x149a2021_8ef6_4133_96b8_81f8d5b7f1f5, "Security Key by Yubico with NFC"),
    (0x34744913_4f57_4e6e_a527_e9ec3c4b94e6, "YubiKey Bio Series - Multi-protocol Edition"),
    (0xf8a011f3_8c0a_4d15_8006_17111f9edc7d, "Security Key by Yubico"),
    (0xa02167b9_ae71_4ac7_9a07_06432ebb6f1c, "YubiKey 5 Series with Lightning"),
    (0xed042a3a_4b22_4455_bb69_a267b652ae7e, "Security Key NFC by Yubico - Enterprise Edition"),
    (0x85203421_48f9_4355_9bc8_8a53846e5083, "YubiKey 5 FIPS Series with Lightning"),
    (0xfcc0118f_cd45_435b_8da1_9782b2da0715, "YubiKey 5 FIPS Series with NFC"),
    (0x2fc0579f_8113_47ea_b116_bb5a8db9202a, "YubiKey 5 Series with NFC"),
    (0xd8522d9f_575b_4866_88a9_ba99fa02f35b, "YubiKey Bio Series - FIDO Edition"),
    (0x662ef48a_95e2_4aaa_a6c1_5b9c40375824, "YubiKey 5 Series with NFC - Enhanced PIN"),
    (0xd7781e5d_e353_46aa_afe2_3ca49f13332a, "YubiKey 5 Series with NFC"),
    (0xdd86a2da_86a0_4cbe_b462_4bd31f57bc6f, "YubiKey Bio Series - FIDO Edition"),
    (0xe77e3c64_05e3_428b_8824_0cbeb04b829d, "Security Key NFC by Yubico"),
    (0x7409272d_1ff9_4e10_9fc9_ac0019c124fd, "YubiKey Bio Series - FIDO Edition"),
    (0x7d1351a6_e097_4852_b8bf_c9ac5c9ce4a3, "YubiKey Bio Series - Multi-protocol Edition"),
    (0xb92c3f9a_c014_4056_887f_140a2501163b, "Security Key by Yubico"),
    (0xa25342c0_3cdc_4414_8e46_f4807fca511c, "YubiKey 5 Series with NFC"),
    (0x6d44ba9b_f6ec_2e49_b930_0c8fe920cb73, "Security Key by Yubico with NFC"),
    (0x0bb43545_fd2c_4185_87dd_feb0b2916ace, "Security Key NFC by Yubico - Enterprise Edition"),
    (0xc1f9a0bc_1dd2_404a_b27f_8e29047a43fd, "YubiKey 5 FIPS Series with NFC"),
    (0x19083c3d_8383_4b18_bc03_8f1c9ab2fd1b, "YubiKey 5 Series"),
    (0x57f7de54_c807_4eab_b1c6_1c9be7984e92, "YubiKey 5 FIPS Series"),
    (0xcb69481e_8ff7_4039_93ec_0a2729a154a8, "YubiKey 5 Series"),
    (0x24673149_6c86_42e7_98d9_433fb5b73296, "YubiKey 5 Series with Lightning"),
    (0xee882879_721c_4913_9775_3dfcce97072a, "YubiKey 5 Series"),
    (0xff4dac45_ede8_4ec2_aced_cf66103f4335, "YubiKey 5 Series"),
    (0x3aa78eb1_ddd8_46a8_a821_8f8ec57a7bd5, "YubiKey 5 CCN Series with NFC"),
    (0x7b96457d_e3cd_432b_9ceb_c9fdd7ef7432, "YubiKey 5 FIPS Series with Lightning"),
    (0x01020304_0506_0708_0102_030405060708, "Chromium virtual authenticator"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_the_known_and_only_those() {
        let virtual_authenticator = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(aaguid_name(&virtual_authenticator), Some("Chromium virtual authenticator"));
        let google = 0xea9b8d66_4d01_1d21_3ce4_b6b48cb575d4_u128.to_be_bytes();
        assert_eq!(aaguid_name(&google), Some("Google Password Manager"));
        assert_eq!(aaguid_name(&[0; 16]), None);
        assert_eq!(aaguid_name(&[0xff; 16]), None);
    }

    #[test]
    fn lists_each_once() {
        let ids: BTreeSet<u128> = NAMES.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids.len(), NAMES.len());
    }
}
