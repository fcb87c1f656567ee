import Foundation
import Security

/// The platform's secret of this installation: 32 random bytes in the Keychain, which leaves this device in no backup.
enum KeychainSecret {
    private static let item: [CFString: Any] = [
        kSecClass: kSecClassGenericPassword,
        kSecAttrService: "org.satchel.platform-secret",
        kSecAttrAccount: "satchel",
    ]

    struct Refused: Error {
        let status: OSStatus
    }

    static func get() throws -> Data {
        var found: CFTypeRef?
        let status = SecItemCopyMatching(item.merging([kSecReturnData: true]) { $1 } as CFDictionary, &found)
        if status == errSecSuccess, let secret = found as? Data { return secret }
        // Any other failure must not make a new one: the profiles of the old would be lost.
        guard status == errSecItemNotFound else { throw Refused(status: status) }
        return try make()
    }

    private static func make() throws -> Data {
        var bytes = [UInt8](repeating: 0, count: 32)
        let drawn = SecRandomCopyBytes(kSecRandomDefault, bytes.count, &bytes)
        guard drawn == errSecSuccess else { throw Refused(status: drawn) }
        let kept: [CFString: Any] = [
            kSecValueData: Data(bytes), kSecAttrAccessible: kSecAttrAccessibleWhenUnlockedThisDeviceOnly,
        ]
        let status = SecItemAdd(item.merging(kept) { $1 } as CFDictionary, nil)
        guard status == errSecSuccess else { throw Refused(status: status) }
        return Data(bytes)
    }
}
