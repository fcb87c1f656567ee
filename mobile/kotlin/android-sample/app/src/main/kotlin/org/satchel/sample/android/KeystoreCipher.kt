package org.satchel.sample.android

import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import java.security.KeyStore
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec
import org.satchel.sample.PlatformCipher

private const val ALIAS = "satchel-platform-secret"
private const val IV_BYTES = 12

/** AES-GCM under a key that never leaves the Keystore. */
class KeystoreCipher : PlatformCipher {
    private val store = KeyStore.getInstance("AndroidKeyStore").apply { load(null) }

    override fun encrypt(plain: ByteArray): ByteArray {
        val cipher = cipher(Cipher.ENCRYPT_MODE)
        return cipher.iv + cipher.doFinal(plain)
    }

    override fun decrypt(sealed: ByteArray): ByteArray {
        val iv = GCMParameterSpec(128, sealed, 0, IV_BYTES)
        return cipher(Cipher.DECRYPT_MODE, iv).doFinal(sealed, IV_BYTES, sealed.size - IV_BYTES)
    }

    private fun cipher(mode: Int, iv: GCMParameterSpec? = null) =
        Cipher.getInstance("AES/GCM/NoPadding").apply { init(mode, key(), iv) }

    private fun key(): SecretKey = store.getKey(ALIAS, null) as SecretKey? ?: make()

    private fun make(): SecretKey {
        val purposes = KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT
        val spec = KeyGenParameterSpec.Builder(ALIAS, purposes)
            .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
            .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
            .setUnlockedDeviceRequired(true)
            .build()
        return KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, "AndroidKeyStore").apply { init(spec) }.generateKey()
    }
}
